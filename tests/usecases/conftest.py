"""A gateway's middle over fakes, and a user of it."""

from __future__ import annotations

import pytest

from reference_server.domain.user import User
from tests.usecases.fakes import Gateway, make_user


@pytest.fixture
async def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def user() -> User:
    return make_user()
