"""User operations."""

from __future__ import annotations

from reference_server.api import shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.usecases.users import UserUseCases


def user_handlers(users: UserUseCases) -> Handlers:
    """Return the handlers of the docs' section "Users"."""

    async def create_user(call: Call) -> Json:
        user, api_key = await users.create_user(call.client)
        return {"user_id": user.user_id, "api_key": api_key}

    async def get_current_user(call: Call) -> Json:
        return shapes.user_profile(await users.get_current_user(call.caller))

    async def rotate_api_key(call: Call) -> Json:
        user = call.caller
        return {"user_id": user.user_id, "api_key": await users.rotate_api_key(user)}

    return {"createUser": create_user, "getCurrentUser": get_current_user, "rotateApiKey": rotate_api_key}
