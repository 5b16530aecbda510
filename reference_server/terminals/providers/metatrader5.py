"""The provider for terminals on this machine, through the official `MetaTrader5` package.

The package reaches a terminal by the path of its program, one terminal for each path, so every account gets a portable
terminal folder of its own, copied from a template on its first opening.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Final

from reference_server.terminals.providers.package import PACKAGE, is_package_installed
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.sources import Installed, Source
from reference_server.usecases.ports import BrokerUnreachable

PROGRAM: Final = "terminal64.exe"


class TerminalFolders:
    """Copies of the template, one for each account. They hold what the terminal stores, and stay between openings."""

    def __init__(self, template: Path, directory: Path, *, timeout_ms: int) -> None:
        self._template = template
        self._directory = directory
        self._timeout_ms = timeout_ms

    async def take(self, account_id: str, /) -> Installed:
        """Give the account's folder, copied when there is none. Raises BrokerUnreachable."""
        folder = self._directory / account_id
        try:
            if not (folder / PROGRAM).is_file():
                await asyncio.to_thread(self._copy, folder)
        except (OSError, shutil.Error) as failed:
            raise BrokerUnreachable(f"The terminal folder {folder} cannot be made: {failed}") from failed
        return Installed(str(folder / PROGRAM), timeout_ms=self._timeout_ms)

    def give_back(self, _source: Source, /) -> None:
        """The folder stays the account's own."""

    def _copy(self, folder: Path) -> None:
        """Copy as one step: a half copy never bears the name."""
        draft = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self._template, draft)
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)


def metatrader5_folders(template: Path, directory: Path, *, timeout_ms: int) -> TerminalFolders:
    """Check the package and that `template` is a terminal; copies go into `directory`. Raises ProviderUnusable."""
    if not is_package_installed():
        raise ProviderUnusable(
            f"terminal = metatrader5: the package {PACKAGE} is not installed in this Python. It exists for Windows only"
            " (pip install MetaTrader5); elsewhere use mt5linux, or simulated."
        )
    if not (template / PROGRAM).is_file():
        raise ProviderUnusable(
            f"terminal_template = {template}: there is no {PROGRAM} in it. Name an installed terminal's folder."
        )
    return TerminalFolders(template, directory, timeout_ms=timeout_ms)
