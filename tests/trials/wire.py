"""Requests over HTTP, each answer held against the contract and written into a transcript that people can read."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from conformance.contract import Contract
from conformance.exchange import Exchange, Request, Response

TIMEOUT_SECONDS = 40.0


class Transcript:
    """What happened, line by line, with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lines: list[str] = []
        self._turn = threading.Lock()

    def note(self, text: str) -> None:
        """Add a line."""
        with self._turn:
            self._lines.append(f"{time.monotonic() - self._began:8.3f}  {text}")

    def last(self, count: int) -> str:
        """The last lines."""
        return "\n".join(self._lines[-count:])

    def __str__(self) -> str:
        return "\n".join(self._lines)


@dataclass(frozen=True)
class Reply:
    """One valid answer."""

    status: int
    json: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str | None:
        """The machine-readable reason of an error."""
        return self.json.get("reason") if isinstance(self.json, dict) else None

    @property
    def is_replayed(self) -> bool:
        """Whether it was given before."""
        return self.headers.get("idempotency-replayed") == "true"


class Wire:
    """A gateway at an address, by its operations."""

    def __init__(self, url: str, contract: Contract, transcript: Transcript) -> None:
        self._url = url
        self._address = urlsplit(url).netloc
        self._contract = contract
        self._transcript = transcript
        self.problems: list[str] = []
        """What was wrong with answers; asked for at the end of each step, since requests run in threads."""

    def __call__(
        self,
        operation: str,
        body: Any = None,
        *,
        api_key: str | None = None,
        account: str | None = None,
        idempotency: str | None = None,
        query: Mapping[str, object] | None = None,
        who: str = "",
        **parameters: object,
    ) -> Reply | None:
        """Send one request, once; None when the connection gave no answer."""
        found = self._contract.operation(operation)
        target = found.target(parameters) + (f"?{urlencode(query)}" if query else "")
        headers = {"X-API-Key": api_key or ""}
        if account is not None:
            headers["X-Account-ID"] = account
        if idempotency is not None:
            headers["Idempotency-Key"] = idempotency
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        shown = f"{who} {operation} {target}{'' if body is None else ' ' + json.dumps(body)}"
        if idempotency is not None:
            shown += f" key={idempotency}"
        self._transcript.note(f"> {shown}")
        try:
            response = self._ask(found.method, target, content, headers)
        except (OSError, http.client.HTTPException) as lost:
            self._transcript.note(f"< {who} {operation} {target}: no answer ({type(lost).__name__})")
            return None
        exchange = Exchange(
            0, Request(found.method, target, tuple(headers.items()), content), response, operation=operation
        )
        self._transcript.note(f"< {who} {operation} {target}: {_shown(response)}")
        problem = self._contract.response_problem(exchange)
        if problem is not None or response.status == 500:
            self.problems.append(f"{shown}: {problem or 'a defect'}: {response.status} {response.body!r}")
        names = {name.lower(): value for name, value in response.headers}
        return Reply(response.status, response.json, names)

    def unheard(self) -> Wire:
        """The same, with a transcript that nobody reads: for what is asked again and again."""
        wire = Wire(self._url, self._contract, Transcript())
        wire.problems = self.problems
        return wire

    def _ask(self, method: str, target: str, content: bytes | None, headers: dict[str, str]) -> Response:
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, target, body=content, headers=headers)
            answer = connection.getresponse()
            return Response(answer.status, tuple(answer.getheaders()), answer.read())
        finally:
            connection.close()


def _shown(response: Response) -> str:
    if response.status >= 400 and isinstance(response.json, dict):
        return f"{response.status} {response.json.get('reason')}"
    replayed = " (again)" if response.header("Idempotency-Replayed") else ""
    return f"{response.status} {response.body[:300].decode()}{replayed}"
