"""The HTTP client of the suite: sends exactly what it is told and records what came back."""

import asyncio
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from conformance.errors import ConfigurationError, NoAnswer, TargetUnreachable
from conformance.exchange import Exchange, Headers, Request, Response, Transcript
from conformance.target import TargetConfig

__all__ = ["Outgoing", "Wire"]

USER_AGENT = "tonpo-conformance"

KEEP_ALIVE_SECONDS = 3.0
"""Idle connections are dropped before common servers drop them (uvicorn: 5 s): no request meets a closing one."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to send. `target` is the path with its query, already encoded, relative to the base URL."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes | None = None
    operation: str | None = None
    user: str = "anonymous"
    timeout_seconds: float | None = None


class Wire:
    """One HTTP session with the target for the whole run."""

    def __init__(self, target: TargetConfig, clock: Callable[[], float]) -> None:
        self.target = target
        self.clock = clock
        self.sent = 0
        self.tls = _tls(target)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self.tls, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept": "*/*"},
            skip_auto_headers=["Content-Type"],
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the open session."""
        assert self._session is not None, "the wire is used outside its context"
        return self._session

    async def probe(self, transcript: Transcript) -> None:
        """Make sure that something answers HTTP at the URL. Raises TargetUnreachable."""
        url = str(self.target.base)
        try:
            await self.send(Outgoing("GET", "/health"), transcript)
        except NoAnswer as problem:
            raise TargetUnreachable(f"{url} cannot be judged: {problem}") from problem

    async def send(self, outgoing: Outgoing, transcript: Transcript, began: float | None = None) -> Exchange:
        """Send one request and record the exchange. Redirects are not followed. Raises NoAnswer."""
        url = str(self.target.base) + outgoing.target
        request = Request(outgoing.method, url, outgoing.headers, outgoing.body)
        seconds = outgoing.timeout_seconds or self.target.timeouts.request
        started = self.clock()
        began = started if began is None else began
        number = transcript.next_number()
        try:
            response = await self._send(request, seconds)
        except NoAnswer as problem:
            elapsed = (self.clock() - started) * 1000
            silent = Response(0, (), str(problem).encode())
            transcript.add(
                Exchange(number, request, silent, outgoing.operation, outgoing.user, (started - began) * 1000, elapsed)
            )
            raise
        exchange = Exchange(
            number,
            request,
            response,
            operation=outgoing.operation,
            user=outgoing.user,
            started_ms=(started - began) * 1000,
            duration_ms=(self.clock() - started) * 1000,
        )
        transcript.add(exchange)
        return exchange

    async def _send(self, request: Request, seconds: float) -> Response:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, self.target.timeouts.connect))
        self.sent += 1
        what = f"{request.method} {URL(request.url).path}"
        try:
            async with self.session.request(
                request.method,
                URL(request.url, encoded=True),
                data=request.body,
                headers=list(request.headers),
                allow_redirects=False,
                timeout=timeout,
            ) as answer:
                body = b"" if answer.status == 101 else await answer.read()
                headers = tuple((name, value) for name, value in answer.headers.items())
                return Response(answer.status, headers, body)
        except aiohttp.ClientConnectorCertificateError as problem:
            raise NoAnswer(f"its TLS certificate is not trusted: {problem.certificate_error}") from problem
        except aiohttp.ClientConnectorError as problem:
            raise NoAnswer(f"no connection ({_why(problem.os_error)})") from problem
        except aiohttp.ConnectionTimeoutError as problem:
            raise NoAnswer(f"no connection within {self.target.timeouts.connect:g} s") from problem
        except TimeoutError as problem:
            raise NoAnswer(f"no answer to {what} within {seconds:g} s") from problem
        except aiohttp.ServerDisconnectedError as problem:
            raise NoAnswer(f"the connection was closed without an answer to {what}") from problem
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as problem:
            raise NoAnswer(
                f"the answer to {what} is not readable HTTP: {problem or type(problem).__name__}"
            ) from problem


def _why(problem: OSError) -> str:
    """Return the system's words for a failure to connect; asyncio replaces them by the address."""
    if problem.errno and problem.errno > 0:
        return os.strerror(problem.errno)
    return problem.strerror or str(problem)


def _tls(target: TargetConfig) -> ssl.SSLContext | bool:
    if not target.tls_verify:
        return False
    if target.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ssl.SSLError) as problem:
        raise ConfigurationError("ca_file", f"{target.ca_file} cannot be used: {problem}") from problem
