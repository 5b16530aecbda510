"""Terminals behind `mt5linux` servers: is the package there, does each server answer, and who else can reach it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from reference_server.clock import SystemClock
from reference_server.config import Settings
from reference_server.doctor.finding import Finding, note, ok, problem, warning
from reference_server.doctor.inquiry import Inquiry
from reference_server.doctor.probe import Answers, Ending
from reference_server.doctor.session import judge
from reference_server.provider import choose_terminals
from reference_server.terminals.providers.unusable import ProviderUnusable
from reference_server.terminals.workers.sources import Bridged

_ASKED_AT_ONCE: Final = 4
_CONNECT_SECONDS: Final = 1.0
_ANYWHERE: Final = ("192.0.2.1", 9)
"""An address for documentation: where a datagram socket is pointed at, nothing is sent."""
_DANGER: Final = (
    "Let it listen on 127.0.0.1 only (--host 127.0.0.1), and go through SSH from elsewhere: whoever can connect "
    "runs any program there, without a password, and can read those of the accounts."
)
_START: Final = (
    "Start it with the Windows Python below Wine, as docs/terminals.md shows; that Python needs MetaTrader5, and rpyc "
    "in the same major version as here."
)
_FREE: Final = (
    "A call that hangs holds up the whole server, and only its end frees it: end the server and its terminal, and "
    "start both again. If it is new: something else may listen on that port."
)


def examine_mt5linux(settings: Settings, inquiry: Inquiry) -> Iterator[Finding]:
    """Ask every server for its package; log in at the first that answers, where that is asked for."""
    try:
        choose_terminals(settings, SystemClock())
    except ProviderUnusable as error:
        yield problem("mt5linux", str(error), "Correct what is named and ask again.")
        return
    servers = [
        Bridged(host, port, settings.mt5linux_terminal_path, timeout_ms=settings.terminal_start_timeout_ms)
        for host, port in settings.mt5linux_endpoints
    ]
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        answers = list(pool.map(lambda server: inquiry.ask(server, logging_in=False), servers))
    for server, answer in zip(servers, answers, strict=True):
        yield from _judge_server(server, answer)
        yield from examine_exposure(server.host, server.port)
    answering = [server for server, answer in zip(servers, answers, strict=True) if "open" in answer.steps]
    if inquiry.login is not None and answering:
        yield from _log_in(answering, inquiry)


def examine_exposure(host: str, port: int) -> Iterator[Finding]:
    """Warn when a server can be reached from other machines."""
    subject = f"{host}:{port}"
    if not _is_loopback(host):
        yield warning(subject, "is reached over the network, in the clear and by whoever wants to", _DANGER)
        return
    own = _own_address()
    if own is None or _is_loopback(own):
        return
    try:
        socket.create_connection((own, port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return
    yield warning(subject, f"listens on {own} as well, where other machines can reach it", _DANGER)


def _judge_server(server: Bridged, answers: Answers) -> Iterator[Finding]:
    subject = f"{server.host}:{server.port}"
    facts = answers.steps.get("open")
    if facts is None:
        yield problem(subject, answers.reason, _FREE if answers.ending is Ending.SILENT else _START)
    else:
        yield ok(subject, f"answers, with MetaTrader5 {facts['version'] or 'of an unknown version'}")


def _log_in(servers: Sequence[Bridged], inquiry: Inquiry) -> Iterator[Finding]:
    assert inquiry.login is not None
    if inquiry.is_running:
        yield note("login", "not tried: a gateway is running on these terminals, and a login would take one from it")
        return
    yield from judge(inquiry.ask(servers[0], logging_in=True), inquiry.login)


def _is_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return host == "localhost"
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def _own_address() -> str | None:
    """The address under which other machines see this one, if any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pointed:
        try:
            pointed.connect(_ANYWHERE)
        except OSError:
            return None
        return str(pointed.getsockname()[0])
