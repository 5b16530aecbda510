"""A gateway's data directory as it is after some use, and the looks of the doctor at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from reference_server.config import Settings, load_settings
from reference_server.doctor.finding import Finding, Verdict
from reference_server.domain.account import Account, AccountState, Mt5Credentials
from reference_server.domain.plans import PLANS
from reference_server.domain.user import User
from reference_server.store import open_store

USER_ID = "usr_01jdkq2m8sx6a1t4w5y7z9b3cd"
ACCOUNT_ID = "acc_01jdkq2m8sx6a1t4w5y7z9b3cd"
PASSWORD = "correct horse"

MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings_of(tmp_path: Path) -> MakeSettings:
    """Load settings as the command line would; the data lie in `data` unless said otherwise."""

    def load(**flags: object) -> Settings:
        return load_settings({"data_dir": tmp_path / "data", **flags}, {})

    return load


@pytest.fixture
def used(settings_of: MakeSettings) -> Settings:
    """Settings of a gateway that has run before and holds one account."""
    settings = settings_of()
    asyncio.run(_use(settings))
    return settings


async def _use(settings: Settings) -> None:
    async with open_store(settings) as store:
        await store.users.add(User(USER_ID, PLANS["free"], 1), store.keys.mint())
        account = Account(
            account_id=ACCOUNT_ID, user_id=USER_ID, state=AccountState.ACTIVE, created_at_ms=1, mt5_server="Sim-Demo"
        )
        credentials = Mt5Credentials(login="5001234", password=PASSWORD, server="Sim-Demo")
        await store.accounts.add(account, lambda: store.vault.seal(ACCOUNT_ID, credentials), limit=None)


def verdicts(findings: Iterable[Finding]) -> list[Verdict]:
    return [finding.verdict for finding in findings]


def problems(findings: Iterable[Finding]) -> list[str]:
    return [finding.says for finding in findings if finding.verdict is Verdict.PROBLEM]


def only(findings: Iterable[Finding], verdict: Verdict) -> Finding:
    """Return the one finding of that verdict."""
    found: Sequence[Finding] = [finding for finding in findings if finding.verdict is verdict]
    assert len(found) == 1, found
    return found[0]
