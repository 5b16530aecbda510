"""Terminals on this machine: the package, the template folder, and each account's copy of it."""

from __future__ import annotations

import configparser
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reference_server.clock import SystemClock
from reference_server.config import Settings
from reference_server.doctor.data import examine_room
from reference_server.doctor.finding import Finding, note, ok, problem, warning
from reference_server.doctor.inquiry import Inquiry
from reference_server.doctor.keys import OpenedAccount, opened_accounts
from reference_server.doctor.probe import Answers
from reference_server.doctor.session import judge
from reference_server.provider import choose_terminals
from reference_server.terminals.providers.metatrader5 import PROGRAM
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.sources import Installed

_AUTHOR: Final = "MetaQuotes"
_LONGEST_PATH: Final = 259
"""Of a file, in characters, where Windows was not told to allow longer ones; the package takes 257 for a terminal's."""
_ACCOUNT_ID_LENGTH: Final = 30
_FIRST_START: Final = (
    "Start {0}\\terminal64.exe /portable once by hand: find the broker, allow algorithmic trading, close it again."
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy of the template takes: bytes on disk, and the longest path below it in characters."""

    size: int
    longest: int


def examine_metatrader5(settings: Settings, inquiry: Inquiry) -> Iterator[Finding]:
    """Look at the package in a child, at the folders here, and log in where that is asked for."""
    try:
        choose_terminals(settings, SystemClock())
    except ProviderUnusable as error:
        yield problem("metatrader5", str(error), "Correct what is named and ask again.")
        return
    template = settings.terminal_template
    assert template is not None
    folders = settings.data_dir / "terminals"
    accounts = opened_accounts(settings)
    program = template / PROGRAM
    yield from _judge_package(inquiry.ask(Installed(str(program)), logging_in=False))
    yield from examine_folders(template, folders, [account.account_id for account in accounts])
    if inquiry.login is not None:
        yield from _log_in(settings, inquiry, accounts, folders)


def examine_folders(template: Path, folders: Path, account_ids: Sequence[str]) -> Iterator[Finding]:
    """Look at the template, at the copies that the accounts have, and at the room for those that are to be made."""
    contents = _measure(template)
    yield ok("template", f"{template} has {PROGRAM}; a copy takes {contents.size // 1_000_000:,} MB")
    yield from _examine_options(template)
    longest = len(str(folders)) + 1 + _ACCOUNT_ID_LENGTH + 1 + contents.longest
    if longest > _LONGEST_PATH:
        says = f"paths in a copy below {folders} would have {longest} characters; Windows takes {_LONGEST_PATH}"
        yield problem("template", says, "Choose a shorter --data-dir, such as C:\\tonpo.")
    present = [folders / account_id for account_id in account_ids if (folders / account_id / PROGRAM).is_file()]
    if present:
        yield from _examine_copies(template, present)
    missing = len(account_ids) - len(present)
    needed = max(missing, 1) * contents.size
    yield from examine_room("terminals", folders, needed=needed)


def _measure(template: Path) -> Contents:
    size = longest = 0
    for folder, _, names in os.walk(template):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - a terminal has tens of thousands of files
            longest = max(longest, len(path) - len(str(template)) - 1)
            size += os.lstat(path).st_size
    return Contents(size, longest)


def _examine_options(template: Path) -> Iterator[Finding]:
    """Read what the terminal stores of its options: a copy starts with the template's."""
    path = template / "config" / "common.ini"
    if not path.is_file():
        yield warning("template", "the terminal there was never started with /portable", _FIRST_START.format(template))
        return
    options = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        raw = path.read_bytes()
        options.read_string(raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"))
        is_off = options.get("Experts", "Enabled", fallback="1") == "0"
    except (OSError, UnicodeDecodeError, configparser.Error):
        return  # how terminals store their options is not documented: what cannot be read says nothing
    if is_off:
        remedy = "Start it by hand and press the button Algo Trading: every copy starts with the template's options."
        yield warning("template", "algorithmic trading is switched off in it", remedy)


def _examine_copies(template: Path, copies: Sequence[Path]) -> Iterator[Finding]:
    places: dict[Path, Path] = {template.resolve(): template}
    for copy in copies:
        other = places.setdefault(copy.resolve(), copy)
        if other is not copy:
            says = f"{copy} and {other} are the same folder: two accounts would take turns in one terminal"
            yield problem("terminals", says, "Remove the link: the next start of the account makes a copy.")
            return
    yield ok("terminals", f"{len(copies)} account{'' if len(copies) == 1 else 's'} with a terminal folder of its own")


def _judge_package(answers: Answers) -> Iterator[Finding]:
    facts = answers.steps.get("open")
    if facts is None:
        remedy = "Run pip install --upgrade MetaTrader5 numpy in this Python; below Wine 8 numpy 1.26 is the newest."
        yield problem("metatrader5", answers.reason, remedy)
        return
    yield ok("metatrader5", f"the package can be imported, version {facts['version']}")
    if _AUTHOR not in facts["author"]:
        says = f"this is not MetaQuotes' package but one of {facts['author'] or 'an unknown author'}"
        yield warning("metatrader5", says, "Take its folder off PYTHONPATH, unless trading with it is what you want.")
    elif sys.platform == "win32" and struct.calcsize("P") != 8:
        says = "this Python has 32 bits, and the terminal has 64"
        yield problem("metatrader5", says, "Install the 64-bit Python from python.org and the gateway into it.")


def _log_in(
    settings: Settings, inquiry: Inquiry, accounts: Sequence[OpenedAccount], folders: Path
) -> Iterator[Finding]:
    """Log in in the account's own folder. Another's, or the template, would be logged out of where it is."""
    assert inquiry.login is not None
    wanted = str(inquiry.login.login), inquiry.login.server.casefold()
    owners = [account for account in accounts if (account.login, account.server.casefold()) == wanted]
    programs = [program for one in owners if (program := folders / one.account_id / PROGRAM).is_file()]
    if inquiry.is_running:
        yield note("login", "not tried: a gateway is running on these terminals; stop it and ask again")
    elif not programs:
        says = "not tried: this account has no terminal folder yet; the gateway makes it when the account is added"
        yield note("login", says)
    else:
        source = Installed(str(programs[0]), timeout_ms=settings.terminal_start_timeout_ms)
        yield from judge(inquiry.ask(source, logging_in=True), inquiry.login)
