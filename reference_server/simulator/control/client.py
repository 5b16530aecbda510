"""Driving a broker through its control port, from Python."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

TIMEOUT_SECONDS = 30.0


class ControlRefused(Exception):
    """The control port said no. `status` is HTTP's, `error` the stable word, the text its sentence."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


class ControlUnreachable(Exception):
    """Nothing that is a control port answers at this address."""


class ControlClient:
    """The calls of a control port. Each raises ControlRefused or ControlUnreachable."""

    def __init__(self, url: str, token: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def state(self) -> dict[str, Any]:
        """Time, prices, accounts and faults."""
        return self._send("GET", "/state")

    def faults(self) -> list[dict[str, Any]]:
        """The faults that wait or are at work, oldest first."""
        found: list[dict[str, Any]] = self._send("GET", "/faults")["faults"]
        return found

    def add_fault(self, kind: str, **parameters: Any) -> int:
        """Queue a fault; returns its id."""
        return int(self._send("POST", "/faults", {"kind": kind, **parameters})["id"])

    def clear_faults(self, fault_id: int | None = None) -> int:
        """Take one fault away, or all; returns how many."""
        place = "/faults" if fault_id is None else f"/faults/{fault_id}"
        return int(self._send("DELETE", place)["cleared"])

    def disconnect(self, *, login: int | None = None, ms: int | None = None) -> int:
        """Take the link of a login's terminals, or of all, to the trade server down; returns the fault's id."""
        return int(self._send("POST", "/disconnect", _given(login=login, ms=ms))["id"])

    def reconnect(self, *, login: int | None = None) -> int:
        """End every disconnection, or those of one login; returns how many."""
        return int(self._send("POST", "/reconnect", _given(login=login))["cleared"])

    def set_price(self, symbol: str, bid: float, ask: float) -> None:
        """Move a symbol; from then on it moves in no other way."""
        self._send("POST", f"/prices/{_part(symbol)}", {"bid": bid, "ask": ask})

    def release_price(self, symbol: str) -> None:
        """Let a symbol move on its own again."""
        self._send("DELETE", f"/prices/{_part(symbol)}")

    def advance_clock(self, *, seconds: float = 0.0, ms: int = 0) -> dict[str, Any]:
        """Move a manual clock; returns `utc_ms` and `server_ms`."""
        return self._send("POST", "/clock/advance", {"seconds": seconds, "ms": ms})

    def account(self, server: str, login: int) -> dict[str, Any]:
        """One account: its money, positions, orders and permissions."""
        return self._send("GET", _account(server, login))

    def deposit(self, server: str, login: int, amount: float, comment: str = "") -> dict[str, Any]:
        """Pay in; returns the account."""
        return self._send("POST", f"{_account(server, login)}/deposit", {"amount": amount, "comment": comment})

    def withdraw(self, server: str, login: int, amount: float, comment: str = "") -> dict[str, Any]:
        """Pay out; returns the account."""
        return self._send("POST", f"{_account(server, login)}/withdraw", {"amount": amount, "comment": comment})

    def credit(self, server: str, login: int, amount: float, comment: str = "") -> dict[str, Any]:
        """Grant credit, or take it back when negative; returns the account."""
        return self._send("POST", f"{_account(server, login)}/credit", {"amount": amount, "comment": comment})

    def change_account(self, server: str, login: int, **changes: Any) -> dict[str, Any]:
        """Change `enabled`, `trade_allowed`, `trade_expert`, `leverage` and other terms; returns the account."""
        return self._send("POST", f"{_account(server, login)}/settings", changes)

    def trade(self, server: str, login: int, **request: Any) -> dict[str, Any]:
        """Trade by hand with the fields of a trade request; returns the result, which may be a refusal."""
        return self._send("POST", "/trade", {"server": server, "login": login, **request})

    def _send(self, method: str, place: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(self._url + place, data, headers, method=method)  # noqa: S310 - the user's
            status, answer = self._ask(request)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ControlUnreachable(f"no control port answers at {self._url}: {error}") from None
        if status >= 400:
            raise ControlRefused(status, str(answer.get("error")), str(answer.get("message")))
        return answer

    def _ask(self, request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as response:
                return response.status, _object(response.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, _object(refusal.read())


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _part(text: str) -> str:
    return quote(text, safe="")


def _account(server: str, login: int) -> str:
    return f"/accounts/{_part(server)}/{login}"


def _object(data: bytes) -> dict[str, Any]:
    """Raises ValueError for anything but a JSON object."""
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("its answer is no JSON object")
    return found
