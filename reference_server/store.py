"""The data directory, opened: what outlives the process. Shared by the gateway and the command line's `admin`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from reference_server.config import Settings
from reference_server.security.api_keys import PepperedApiKeys
from reference_server.security.gateway_secrets import GatewaySecrets, open_secrets
from reference_server.security.key_files import make_private_directory
from reference_server.security.vault import EnvelopeVault
from reference_server.storage.accounts import SqlAccounts
from reference_server.storage.audit import SqlAudit
from reference_server.storage.credentials import SqlSealedCredentials
from reference_server.storage.database import Database, database_path
from reference_server.storage.nodes import SqlNodes
from reference_server.storage.ownership import owned
from reference_server.storage.users import SqlUsers


@dataclass(frozen=True, slots=True)
class Store:
    """The opened data directory: what outlives the process."""

    database: Database
    users: SqlUsers
    accounts: SqlAccounts
    nodes: SqlNodes
    audit: SqlAudit
    credentials: SqlSealedCredentials
    secrets: GatewaySecrets
    keys: PepperedApiKeys
    vault: EnvelopeVault


@asynccontextmanager
async def open_store(settings: Settings, *, alone: bool = False) -> AsyncIterator[Store]:
    """Open database and secrets, made on the first start. Raises DatabaseUnusable, SecretUnusable.

    `alone`: as the one gateway on these directories; raises DataInUse where another one runs.
    """
    make_private_directory(settings.data_dir)
    if alone:
        with ExitStack() as owning:
            for directory in sorted({settings.data_dir, database_path(settings.database_url).parent}):
                owning.enter_context(owned(directory))
            async with open_store(settings) as store:
                yield store
        return
    found = open_secrets(
        settings.data_dir,
        may_create=not database_path(settings.database_url).exists(),
        master_keys=settings.master_keys,
        master_keys_file=settings.master_keys_file,
        pepper=settings.api_key_pepper,
        pepper_file=settings.api_key_pepper_file,
    )
    database = await Database.open(settings.database_url)
    try:
        yield Store(
            database,
            SqlUsers(database),
            SqlAccounts(database),
            SqlNodes(database),
            SqlAudit(database),
            SqlSealedCredentials(database),
            found,
            PepperedApiKeys(found.peppers),
            EnvelopeVault(found.ring),
        )
    finally:
        await database.close()
