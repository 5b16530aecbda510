"""Every operation is driven with marked secrets, right and wrong; then whatever came out is searched for them."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from reference_server.telemetry import configure_logging
from spec.documents import load_openapi
from tests.api.scripted import gateway_application

ServeApp = Callable[..., AbstractContextManager[str]]

PASSWORD = "marked-password-4711"
LOGIN = "71234567"
TYPO = "sk_live_tonpo_" + "M4rk3d" * 6
BODIES: dict[str, dict[str, Any]] = {
    "createAccount": {"mt5Login": LOGIN, "mt5Password": PASSWORD, "mt5Server": "Sim-Demo"},
    "placeOrder": {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1},
    "closePosition": {"ticket": 1},
    "modifyPosition": {"ticket": 1, "sl": 1.0},
}
KEYS_IN_ANSWERS = {"createUser", "rotateApiKey"}
"""Their answers hold a new key, once and on purpose."""
WRONG_BODIES: tuple[bytes, ...] = (
    json.dumps({"mt5Login": LOGIN, "mt5Password": PASSWORD * 100, "mt5Server": 7}).encode(),
    json.dumps({"mt5Login": LOGIN, "mt5Password": {"a": [PASSWORD]}, PASSWORD: PASSWORD}).encode(),
    f'{{"mt5Password": "{PASSWORD}"'.encode(),
    f'{{"mt5Password": "{PASSWORD}", "mt5Password": "{PASSWORD}"}}'.encode(),
    PASSWORD.encode(),
)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that the process logs, down to debug, but for the access lines, which go to standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("debug", "json", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Witness:
    """Sends requests and keeps every answer, head and body."""

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        self._http = http
        self._base = base
        self.heard: list[str] = []

    async def __call__(self, method: str, path: str, key: str | None, **options: Any) -> str:
        headers = {**options.pop("headers", {}), **({"X-API-Key": key} if key else {})}
        async with self._http.request(method, self._base + path, headers=headers, **options) as answer:
            text = await answer.text()
            self.heard.append(f"{answer.status} {dict(answer.headers)} {text}")
            return text


async def drive_everything(ask: Witness, key: str, account_id: str) -> None:
    """Every operation of the contract, as it is meant and as it is not, with keys that are right, wrong and absent."""
    for path, item in load_openapi()["paths"].items():
        for method, operation in item.items():
            if method not in {"get", "post", "delete", "put", "patch"} or operation["operationId"] in KEYS_IN_ANSWERS:
                continue
            for name in ("account_id", "ticket", "symbol"):
                path = path.replace(f"{{{name}}}", {"account_id": account_id, "ticket": "1"}.get(name, "EURUSD"))
            if method == "delete" and "accounts" in path:
                path = path.replace(account_id, "acc_none")
            json_headers = {"Content-Type": "application/json"}
            if operation["operationId"] != "createAccount":  # a second account would make every call ambiguous
                await ask(method, path, key, json=BODIES.get(operation["operationId"], {}))
            for wrong in (TYPO, key[:-1] + ("a" if key[-1] != "a" else "b"), None):
                await ask(method, f"{path}?api_key={TYPO}&password={PASSWORD}", wrong)
            for body in WRONG_BODIES:
                await ask(method, path, key, data=body, headers=json_headers)


async def test_no_secret_is_in_any_answer_log_line_or_error(
    serve: ServeApp, tmp_path: Path, logged: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    with serve(gateway_application(data, log_level="debug", log_format="json")) as address:
        async with aiohttp.ClientSession() as http:
            ask = Witness(http, f"http://{address}")
            user = json.loads(await ask("POST", "/api/users", None))
            made = json.loads(await ask("POST", "/api/accounts", user["api_key"], json=BODIES["createAccount"]))
            handed_out = [user["api_key"], made["auth_token"]]
            ask.heard.clear()  # the two answers that show a secret, once and on purpose
            until = time.monotonic() + 20
            while '"active"' not in await ask("GET", f"/api/accounts/{made['account_id']}/status", user["api_key"]):
                assert time.monotonic() < until
                await asyncio.sleep(0.05)
            await drive_everything(ask, user["api_key"], made["account_id"])
            again = json.dumps({**BODIES["createAccount"], "mt5Password": f"{PASSWORD}-other"})
            async with http.ws_connect(f"http://{address}/ws?api_key={user['api_key']}") as socket:
                for message in ("nonsense", f'{{"type": "{TYPO}", "api_key": "{user["api_key"]}"}}', again):
                    await socket.send_str(message)
                    ask.heard.append((await socket.receive()).data)
            for path in (
                f"/{user['api_key']}",
                f"/api/accounts/{user['api_key']}/status",
                f"/ws?api_key={TYPO}",
                "/metrics",
            ):
                await ask("GET", path, user["api_key"], headers={"X-Request-ID": user["api_key"]})
    ring = [(data / name).read_text().split()[-1] for name in ("master_keys", "api_key_pepper")]
    secrets = [PASSWORD, TYPO, *handed_out, *ring, *(base64.b64decode(key).hex() for key in ring)]
    written = logged.getvalue() + capsys.readouterr().err
    assert written.count('"event":"request"') > 100, "the access log was not heard"
    for secret in secrets:
        assert secret not in written
    for said in ask.heard:
        assert not any(secret in said for secret in secrets), said


def test_a_password_at_rest_is_in_no_file_of_the_data_directory(serve: ServeApp, tmp_path: Path) -> None:
    """But for the simulated broker's own book, which plays the broker's side and keeps its accounts' passwords."""

    async def use(address: str) -> str:
        async with aiohttp.ClientSession() as http:
            ask = Witness(http, f"http://{address}")
            user = json.loads(await ask("POST", "/api/users", None))
            await ask("POST", "/api/accounts", user["api_key"], json=BODIES["createAccount"])
            return str(user["api_key"])

    with serve(gateway_application(tmp_path)) as address:
        key = asyncio.run(use(address))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert key.encode() not in content
            if not path.name.startswith("simulator."):
                assert PASSWORD.encode() not in content
                assert LOGIN.encode() not in content
