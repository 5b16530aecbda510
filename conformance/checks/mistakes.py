"""Every mistake that a caller can make, once."""

import re

from conformance.catalogue import check
from conformance.checks.errors import CODE, FORM, JSON_TYPE, expect_form
from conformance.context import CheckContext

MISTAKES: tuple[tuple[str, str, str | bytes | None], ...] = (
    ("GET", "/api/accounts/%20/status", None),
    ("GET", f"/api/accounts/{'a' * 600}/status", None),
    ("GET", "/api/accounts/%F0%9F%92%A5/status", None),
    ("GET", "/api/accounts/%FF%FE/status", None),
    ("POST", "/api/accounts/null/pause", None),
    ("GET", "/api/symbols/NO SUCH SYMBOL", None),
    ("GET", "/api/users/me?user_id[]=1&user_id=2", None),
    ("GET", "/api/no-such-path", None),
    ("POST", "/api/no-such-path", "{}"),
    ("GET", "/api/", None),
    ("PATCH", "/api/accounts", "{}"),
    ("PUT", "/api/users/me", "{}"),
    ("DELETE", "/api/orders/close", None),
    ("POST", "/api/accounts", b"\xff\xfe{}"),
    ("POST", "/api/accounts", '{"mt5Login": NaN, "mt5Password": Infinity}'),
    ("POST", "/api/accounts", '{"mt5Login": 1e400}'),
    ("POST", "/api/accounts", '{"mt5Login": "1", "mt5Password": {"a": [1, 2]}, "mt5Server": true}'),
    ("POST", "/api/accounts", "[" * 3000 + "]" * 3000),
    ("POST", "/api/accounts", '{"a":' * 3000 + "1" + "}" * 3000),
    ("POST", "/api/orders", '{"symbol": 1, "side": [], "orderType": {}, "volume": "many"}'),
    ("POST", "/api/orders", '{"symbol": "\\ud800", "side": "buy", "orderType": "market", "volume": -1}'),
    ("POST", "/api/orders", '{"symbol": "EURUSD", "side": "buy", "orderType": "limit", "volume": 1e308}'),
    ("POST", "/api/orders/close", '{"ticket": 1e99}'),
    ("POST", "/api/orders/close", '{"ticket": "x"}'),
    ("POST", "/api/orders/modify", '{"ticket": null}'),
)
"""Method, path and body of requests that no caller should make."""

INTERNALS = re.compile(
    r"Traceback \(most recent|File \"[^\"]+\", line \d+|\.py\"?, line|\bat [\w.$<>]+ ?\([^)]*:\d+(:\d+)?\)"
    r"|goroutine \d+ \[|panicked at|/site-packages/|/node_modules/"
    r"|(?:^|[\s\"'(])/(?:usr|home|opt|srv|var|root)/[\w.-]+/|[A-Z]:\\\\[\w.-]+"
)
"""What stack traces of the common languages look like, and files of servers."""


@check(
    id="errors.mistakes",
    title="No mistake of a caller is answered 500, and every refusal has the documented form",
    requirements=(FORM, CODE, "TONPO-ERR-100", "TONPO-SEC-060"),
    needs=("user",),
    effects="account",
)
async def mistakes(run: CheckContext) -> None:
    """Make every mistake once: odd paths, odd methods, bodies that are hardly JSON, values of the wrong kind."""
    for method, path, body in MISTAKES:
        headers = JSON_TYPE if body is not None else ()
        answer = await run.send(method, path, user=run.user, headers=headers, body=body)
        run.expect(
            answer.status != 500,
            "TONPO-ERR-100",
            f"{method} {path[:60]} is answered 500",
            expected="a refusal of the request",
            found=answer.status,
            at=answer,
        )
        if answer.status < 400:
            continue
        expect_form(run, answer)
        shown = INTERNALS.search(answer.response.body.decode(errors="replace"))
        run.expect(
            shown is None,
            "TONPO-SEC-060",
            "an error shows the gateway's inside",
            found=shown.group() if shown else None,
            at=answer,
        )
