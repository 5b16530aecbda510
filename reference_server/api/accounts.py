"""Account operations."""

from __future__ import annotations

from reference_server.api import readers, shapes
from reference_server.api.operation import Call, Handlers, Json
from reference_server.usecases.accounts import AccountUseCases


def account_handlers(accounts: AccountUseCases) -> Handlers:
    """Return the handlers of the docs' section "Accounts"."""

    async def create_account(call: Call) -> Json:
        credentials = readers.read_credentials(call.body)
        account, auth_token = await accounts.create_account(call.caller, credentials, region=call.body.get("region"))
        return {"account_id": account.account_id, "auth_token": auth_token}

    async def list_accounts(call: Call) -> Json:
        return shapes.account_list(await accounts.list_accounts(call.caller))

    async def get_account(call: Call) -> Json:
        return shapes.account_status(await accounts.get_account_status(call.caller, call.parameters["account_id"]))

    async def get_account_status(call: Call) -> Json:
        return shapes.account_status(await accounts.get_account_status(call.caller, call.parameters["account_id"]))

    async def pause_account(call: Call) -> Json:
        return shapes.account_status(await accounts.pause_account(call.caller, call.parameters["account_id"]))

    async def resume_account(call: Call) -> Json:
        return shapes.account_status(await accounts.resume_account(call.caller, call.parameters["account_id"]))

    async def delete_account(call: Call) -> Json:
        return shapes.account_status(await accounts.delete_account(call.caller, call.parameters["account_id"]))

    return {
        "createAccount": create_account,
        "listAccounts": list_accounts,
        "getAccount": get_account,
        "getAccountStatus": get_account_status,
        "pauseAccount": pause_account,
        "resumeAccount": resume_account,
        "deleteAccount": delete_account,
    }
