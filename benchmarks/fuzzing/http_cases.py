"""Requests that know the contract: valid ones of every operation, most of them with something wrong."""

from __future__ import annotations

from random import Random
from typing import Any, Final
from urllib.parse import quote

from benchmarks.fuzzing.cases import HttpCase, name_of
from benchmarks.fuzzing.cast import LOGIN_MARK, NETTING, WRONG_KEYS, Cast, User, login_of, password_of, unknown_key
from benchmarks.fuzzing.contracted import Contracted, Operation, Parameter
from benchmarks.fuzzing.json_text import render
from benchmarks.fuzzing.values import Sampler, edges_of

_MEDIA_TYPES: Final = (
    *(
        "application/json; charset=utf-8",
        "application/json;charset=utf-16",
        "text/plain",
        "application/xml",
        "",
        "json",
    ),
    *(
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json, text/html",
        "a" * 3_000,
    ),
    *(
        "application/json;",
        "APPLICATION/JSON",
        "application/problem+json",
        "application/json; charset=latin-1",
        "\u00ff/\u00ff",
    ),
)
_ENCODINGS: Final = ("gzip", "br", "identity", "deflate, gzip", "", "x" * 500)
_IDS: Final = ("", "acc_" + "0" * 26, "a" * 65, "..", "acc_%00", "acc_ü", "null", "0", "acc_' OR '1'='1", "-" * 64)
_TEXTS: Final = (
    *("", "0", "-1", "1.0", "1e3", "9" * 30, "9007199254740992", "NaN", "null", "true", "+5", " 7", "0x1", "٣", "1_0"),
    *(
        "a" * 40,
        "a" * 5_000,
        "../..",
        "a/b",
        "%",
        "%zz",
        "\u0000",
        "\n",
        "\ud7ff",
        "é",
        "\U0001f4b8",
        "\u007f",
        "close",
        "check",
    ),
)
_IDEMPOTENCY: Final = ("", "a" * 255, "a" * 256, "ü", "a b", "\t", "key-1", "key-2", "key-3", "key-4", "key-5", "€")
_CURSORS: Final = ("", "=", "eyJ0IjoxfQ", "A" * 256, "A" * 257, "-_-_", "AAAA" * 20, "null", "e30", "eyJvIjotMX0=", "!")
_NEEDS_SCRATCH: Final = frozenset({"deleteAccount", "createAccount"})
_VALID_SHARE: Final = 0.25
_NEW_ACCOUNT_SHARE: Final = 0.01
"""Of the calls that provision an account, how many may succeed: each that does runs a terminal from then on."""


def pools_of(cast: Cast) -> dict[str, tuple[Any, ...]]:
    """Collect values with which the gateway can do something."""
    tickets = (1, 2, 1_000, 5_000_000_017, 2**53 - 1)
    return {
        "symbol": ("EURUSD",) * 4 + ("XAUUSD", "USDJPY", "GBPUSD", "BTCUSD", "eurusd", "NONE", "EURUSD.x"),
        "volume": (0.01,) * 6 + (0.02, 0.1, 0.015, 1e-9, 1_000_000, 1e-300),
        "price": (1.05, 1.0, 1.2, 2.0, 0.00001, 1e9),
        "stopLimitPrice": (1.04, 1.1, 1e-9),
        "sl": (0, None, 1.01, 0.9, 1e9),
        "tp": (0, None, 1.9, 1e9, 0.1),
        "ticket": tickets,
        "position": tickets,
        "magic": (0, 1, 12_345, 2**53 - 1),
        "expiration": (0, 1, 1_700_000_000_000, 4_102_444_800_000, 2**53 - 1),
        "comment": ("", "fuzz", "ü" * 29, "a" * 29, "€", "[tonpo]", "{0}%s"),
        "from": (0, 1_700_000_000_000, 2**53 - 1),
        "to": (0, 1_700_000_000_000, 4_102_444_800_000, 2**53 - 1),
        "limit": (1, 2, 100, 1_000),
        "key": ("key-1", "key-2", "none"),
        "cursor": _CURSORS,
        "Idempotency-Key": ("key-1", "key-2", "key-3", *(f"key-{number}" for number in range(50))),
        "account_id": tuple(account for user in cast.everybody for account in user.account_ids),
        "mt5Server": (NETTING, "TonpoSim-Demo", "UnreachableSim", "ü"),
    }


class HttpCases:
    """Makes requests, the same for the same seed, index and cast."""

    def __init__(self, contracted: Contracted, cast: Cast, seed: int) -> None:
        self._operations = contracted.operations
        self._cast = cast
        self._seed = seed
        self.sampler = Sampler(contracted.document, pools_of(cast))

    def make(self, index: int) -> HttpCase:
        """Make one request."""
        name = name_of("http", self._seed, index)
        return self.request(name, Random(name))

    def request(self, name: str, random: Random, valid_share: float = _VALID_SHARE) -> HttpCase:
        """Make a request of any operation with this randomness."""
        operation = random.choice(self._operations)
        is_valid = random.random() < valid_share
        sender, key = self._sender(operation, random)
        headers: list[tuple[str, str]] = [("Host", "127.0.0.1")]
        if key is not None:
            headers.append(("X-API-Key", key))
        path = operation.path
        query: list[str] = []
        wrong = random.choice(operation.parameters).name if operation.parameters and not is_valid else None
        for parameter in operation.parameters:
            texts = self._texts(parameter, sender, parameter.name == wrong, random)
            if parameter.place == "path":
                path = path.replace(f"{{{parameter.name}}}", _quoted(texts[0], random))
            elif parameter.place == "query":
                query += [f"{parameter.name}={_quoted(text, random)}" for text in texts]
            else:
                headers += [(parameter.name, text.replace("\n", " ")) for text in texts]
        body = self._body(operation, is_valid and wrong is None, random)
        method, found = operation.method, path
        if not is_valid:
            method, path = self._disturbed(method, path, headers, query, body, random)
        is_another = (method, path) != (operation.method, found)
        if body is not None:
            headers += self._body_headers(body, is_valid, random)
        target = path + ("?" + "&".join(query) if query else "")
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{one}: {value}\r\n" for one, value in headers) + "\r\n"
        called = None if is_another else operation.id
        return HttpCase(name, sender.name, called, method, (head.encode("latin-1", "replace") + (body or b""),))

    def _sender(self, operation: Operation, random: Random) -> tuple[User, str | None]:
        """Choose who sends, and with which key: mostly its own, also none or one that nobody has."""
        cast = self._cast
        sender = random.choice(cast.traders)
        if operation.id in _NEEDS_SCRATCH or random.random() < 0.05:
            sender = cast.scratch
        if operation.id == "rotateApiKey":
            sender = cast.spinner
        chance = random.random()
        if chance < 0.05:
            return sender, None
        if chance < 0.1:
            wrong = random.choice((*WRONG_KEYS, sender.key[:-1], sender.key + "0", unknown_key(random)))
            return sender, wrong
        return sender, sender.key

    def _texts(self, parameter: Parameter, sender: User, is_wrong: bool, random: Random) -> list[str]:
        """Choose the values of a parameter as they are written; for an absent one none."""
        name = parameter.name
        if is_wrong:
            schema = self.sampler.flat(parameter.schema)
            edges = [text for one in edges_of(schema) if isinstance(text := one, (str, int, float))]
            special = {"X-Account-ID": _IDS, "account_id": _IDS, "Idempotency-Key": _IDEMPOTENCY, "cursor": _CURSORS}
            choices = (*special.get(name, ()), *_TEXTS, *edges)
            if name != "Idempotency-Key":  # what is sent as one is kept and shown to its user again
                choices = (*choices, sender.key)
            count = 2 if parameter.place != "path" and random.random() < 0.15 else 1
            return [str(random.choice(choices)) for _ in range(count)]
        if name in ("X-Account-ID", "account_id"):
            if name == "X-Account-ID" and random.random() < 0.4:
                return []
            if random.random() < 0.9:
                return [random.choice(sender.account_ids)] if sender.account_ids else ["acc_0"]
            return [random.choice(random.choice(self._cast.everybody).account_ids or ["acc_1"])]
        if not parameter.is_required and random.random() < 0.5:
            return []
        return [str(self.sampler.valid(parameter.schema, random, name))]

    def _body(self, operation: Operation, is_valid: bool, random: Random) -> bytes | None:
        if operation.body is None:
            return None
        if operation.id == "createAccount":
            return self._new_account(operation.body, random)
        if operation.id in ("createUser", "rotateApiKey", "pauseAccount", "resumeAccount") and random.random() < 0.5:
            return None
        if is_valid:
            return render(self.sampler.valid(operation.body, random), random)
        return self.sampler.mutated(operation.body, random)

    def _new_account(self, schema: dict[str, Any], random: Random) -> bytes:
        value = self.sampler.valid(schema, random)
        if random.random() < _NEW_ACCOUNT_SHARE:
            return render({**value, "mt5Login": login_of(random), "mt5Password": password_of(random)}, random)
        if random.random() < 0.5:
            return render(
                {**value, "mt5Login": random.choice(("0", "", "x", 12, None, "1" * 19, f"{LOGIN_MARK} "))}, random
            )
        # What is broken here is the login, whatever else is: "01" has no form of a login.
        return self.sampler.mutated(schema, random).replace(b"mt5Login", b"mt5login").replace(b"\\u006dt5Login", b"x")

    def _disturbed(
        self,
        method: str,
        path: str,
        headers: list[tuple[str, str]],
        query: list[str],
        body: bytes | None,
        random: Random,
    ) -> tuple[str, str]:
        """Change what stands around the parameters; give method and path."""
        chance = random.random()
        if chance < 0.04:
            method = random.choice(("GET", "POST", "PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "DELETE", "get"))
            if method == "DELETE" and "accounts" in path:
                method = "PUT"
        elif chance < 0.08:
            path = random.choice(
                (path + "/", "/" + path, path.upper(), path + "/x", path[:-1], "/%2e%2e" + path, path + ";a=1")
            )
        elif chance < 0.11:
            headers.append(random.choice(headers))
        elif chance < 0.16:
            value = random.choice(("a" * 200, "\x01", "x" * 66_000, "ok-id", "\u00ff", "", headers[-1][1], "{{7*7}}"))
            headers.append((random.choice(("X-Request-ID", "Accept", "Origin", "Cookie", "Authorization")), value))
        elif chance < 0.19:
            query += [random.choice(("a=b", "=", "&&", "limit=1&limit=2", "%00=%00", "x" * 9_000))] * random.choice(
                (1, 1, 120)
            )
        elif chance < 0.2 and body is None:
            headers.append(("Content-Length", "0"))
        return method, path

    def _body_headers(self, body: bytes, is_valid: bool, random: Random) -> list[tuple[str, str]]:
        media_type = "application/json" if is_valid or random.random() < 0.9 else random.choice(_MEDIA_TYPES)
        headers = [("Content-Type", media_type), ("Content-Length", str(len(body)))]
        if not is_valid and random.random() < 0.03:
            headers.append(("Content-Encoding", random.choice(_ENCODINGS)))
        return headers


def _quoted(text: str, random: Random) -> str:
    """Write a value in a path or query, with more or less escaped than needed."""
    raw = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.1:
        return "".join(f"%{one:02x}" for one in raw)
    return quote(raw, safe="") or "%20" * (random.random() < 0.5)
