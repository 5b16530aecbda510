"""The gateway's own secrets, and whether they open what is stored."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reference_server.config import Settings
from reference_server.doctor.database import StoredAccount, stored_accounts, stored_peppers
from reference_server.doctor.finding import Finding, note, ok, problem, warning
from reference_server.security.gateway_secrets import GatewaySecrets, open_secrets
from reference_server.security.key_files import SecretUnusable
from reference_server.security.key_ring import KEY_BYTES, KeyRing
from reference_server.security.vault import EnvelopeVault, NotSealedHere, kid_of
from reference_server.storage.database import DatabaseUnusable, database_path

_BACKUP = (
    "Restore master_keys and api_key_pepper from the backup that belongs to this database, or give the settings "
    "that name them the right values."
)
_NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """Who an account logs in as."""

    account_id: str
    login: str
    server: str


def examine_keys(settings: Settings) -> Iterator[Finding]:
    """Say whether master keys and pepper can be used, and whether every stored credential opens with the ring."""
    missing = _to_be_made(settings)
    try:
        found = _read(settings, missing)
    except SecretUnusable as error:
        yield problem("keys", str(error), _BACKUP)
        return
    if missing:
        yield note("keys", f"the first start makes {' and '.join(missing)} in {settings.data_dir}")
        return
    masters, peppers = found.ring.now(), found.peppers.now()
    yield ok(
        "keys", f"{_counted(len(masters.keys), 'master key')} and {_counted(len(peppers.keys), 'pepper')} can be used"
    )
    yield from _examine_peppers(peppers, settings)
    accounts = stored_accounts(settings)
    if accounts:
        yield from _examine_credentials(EnvelopeVault(found.ring), accounts)
        yield from _examine_rotation(masters, accounts)


def opened_accounts(settings: Settings) -> Sequence[OpenedAccount]:
    """Return each account whose credentials open; none where the keys are unusable."""
    if _to_be_made(settings):
        return ()
    try:
        vault = EnvelopeVault(_read(settings, ()).ring)
    except SecretUnusable:
        return ()
    opened = []
    for account in stored_accounts(settings):
        try:
            credentials = vault.open(account.account_id, account.sealed or b"")
        except NotSealedHere:
            continue
        opened.append(OpenedAccount(account.account_id, credentials.login, credentials.server))
    return opened


def _read(settings: Settings, missing: Sequence[str]) -> GatewaySecrets:
    """Read both secrets; what the first start will make is filled in with anything. Raises SecretUnusable."""
    anything = base64.b64encode(bytes(KEY_BYTES)).decode()
    return open_secrets(
        settings.data_dir,
        may_create=False,
        master_keys=anything if "master_keys" in missing else settings.master_keys,
        master_keys_file=settings.master_keys_file,
        pepper=anything if "api_key_pepper" in missing else settings.api_key_pepper,
        pepper_file=settings.api_key_pepper_file,
    )


def _to_be_made(settings: Settings) -> tuple[str, ...]:
    """Name the secrets that the first start makes: none where a database exists that they would have to fit."""
    with suppress(DatabaseUnusable):  # which is told elsewhere
        if database_path(settings.database_url).exists():
            return ()
    given = {
        "master_keys": settings.master_keys or settings.master_keys_file,
        "api_key_pepper": settings.api_key_pepper or settings.api_key_pepper_file,
    }
    return tuple(name for name, value in given.items() if not value and not Path(settings.data_dir, name).exists())


def _examine_peppers(ring: KeyRing, settings: Settings) -> Iterator[Finding]:
    unknown = {pepper: count for pepper, count in stored_peppers(settings).items() if pepper not in ring.kids}
    if unknown:
        says = (
            f"{_counted(sum(unknown.values()), 'API key')} need a pepper that is not in the ring ({', '.join(unknown)})"
        )
        yield problem("keys", says, _BACKUP)


def _examine_rotation(ring: KeyRing, accounts: Sequence[StoredAccount]) -> Iterator[Finding]:
    older = 0
    for account in accounts:
        with suppress(NotSealedHere):
            older += kid_of(account.sealed or b"") in ring.kids[1:]
    if older:
        says = f"the credentials of {_counted(older, 'account')} are wrapped by an older master key"
        yield warning("keys", says, "Run tonpo admin keys rotate, which finishes what was begun.")


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _examine_credentials(vault: EnvelopeVault, accounts: Sequence[StoredAccount]) -> Iterator[Finding]:
    closed = {}
    for account in accounts:
        try:
            vault.open(account.account_id, account.sealed or b"")
        except NotSealedHere as error:
            closed[account.account_id] = str(error)
    if not closed:
        yield ok("credentials", f"those of {len(accounts)} account{'' if len(accounts) == 1 else 's'} open")
        return
    for reason in list(closed.values())[:_NAMED_AT_MOST]:
        yield problem("credentials", reason, _BACKUP)
    if len(closed) > _NAMED_AT_MOST:
        yield problem("credentials", f"{len(closed) - _NAMED_AT_MOST} more accounts do not open either", _BACKUP)
