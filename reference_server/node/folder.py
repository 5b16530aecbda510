"""What a node keeps: its key, which account it serves, and the lock that makes one agent its owner."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reference_server.domain.nodes import KEY_PREFIX, SECRET_BYTES, is_node_key, new_secret
from reference_server.file_lock import lock
from reference_server.node.refusals import AgentRefused
from reference_server.security.key_files import SecretUnusable, make_private_directory, read_private, write_private

_KEY: Final = "node_key"
_ENROLLED: Final = "enrolled.json"
_LOCK: Final = "node.lock"
_WORKER_LOCK: Final = "worker.lock"


class NodeFolder:
    """A directory of mode 0700 that one agent uses at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def worker_lock(self) -> str:
        """The file that its worker holds, also one whose agent is gone."""
        return str(self.path / _WORKER_LOCK)

    def has_key(self) -> bool:
        """Whether a node lives here."""
        return (self.path / _KEY).exists()

    def key(self) -> str:
        """Return the node's key, made and written to the disk when there is none. Raises AgentRefused."""
        path = self.path / _KEY
        try:
            if not path.exists():
                write_private(path, KEY_PREFIX + new_secret(secrets.token_bytes(SECRET_BYTES)) + "\n", replacing=False)
            key = read_private(path).strip()
        except SecretUnusable as unusable:
            raise AgentRefused(str(unusable)) from unusable
        if not is_node_key(key):
            raise AgentRefused(f"{path} holds no node key: move it away to enrol anew, with a new auth_token.")
        return key

    def account_id(self) -> str | None:
        """Return the account that this node is known to serve."""
        try:
            told = json.loads((self.path / _ENROLLED).read_text(encoding="utf-8"))
            return str(told["account_id"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def note_account(self, account_id: str, gateway: str) -> None:
        """Remember which account this node serves. Raises AgentRefused."""
        if self.account_id() == account_id:
            return
        try:
            write_private(
                self.path / _ENROLLED,
                json.dumps({"account_id": account_id, "gateway": gateway}) + "\n",
                replacing=True,
            )
        except SecretUnusable as unusable:
            raise AgentRefused(str(unusable)) from unusable


@contextmanager
def owned_folder(path: Path) -> Iterator[NodeFolder]:
    """Make the directory if there is none, and own it while the block lasts. Raises AgentRefused."""
    file = path / _LOCK
    try:
        make_private_directory(path)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except SecretUnusable as unusable:
        raise AgentRefused(f"--node-dir: {unusable}") from unusable
    except OSError as failed:
        raise AgentRefused(f"--node-dir: {file} cannot be opened: {failed.strerror}.") from failed
    try:
        try:
            lock(descriptor)
        except (BlockingIOError, PermissionError) as used:
            raise AgentRefused(
                f"Another agent is running on {path}: stop it, or give this one another --node-dir."
            ) from used
        except OSError as failed:
            raise AgentRefused(
                f"--node-dir: the file system of {path} cannot lock files: {failed.strerror}."
            ) from failed
        yield NodeFolder(path)
    finally:
        os.close(descriptor)
