"""Operations that trade: each may carry an idempotency key, and what became of a key can be asked."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from reference_server.api import readers, shapes
from reference_server.api.errors import REPLAYED
from reference_server.api.operation import Answer, Call, Handlers, Json
from reference_server.domain.errors import InvalidParameter, Violation
from reference_server.domain.trading import OrderCancellation, TradeRequest
from reference_server.usecases.requests import LevelChange, Repeatable, TradeRequests


def request_handlers(requests: TradeRequests) -> Handlers:
    """Return the handlers of the docs' section "Trading" that change something."""

    async def send(call: Call, operation: str, request: TradeRequest | LevelChange, sent: Any) -> Json | Answer:
        key: str | None = call.parameters.get("Idempotency-Key")
        if key is not None and key.startswith("sk_live_"):
            raise InvalidParameter(
                "The parameter Idempotency-Key is an API key: it would be kept and shown. Use a name of your own.",
                violations=(Violation("Idempotency-Key", "must not be an API key"),),
            )
        repeatable = None if key is None else Repeatable(key, fingerprint(operation, sent))
        traded = await requests.send(call.caller, operation, request, account_id=call.account_id, repeatable=repeatable)
        answer = shapes.order_result(traded.result)
        return Answer(answer, (REPLAYED,)) if traded.is_replay else answer

    async def place_order(call: Call) -> Json | Answer:
        return await send(call, "placeOrder", readers.read_order(call.body), call.body)

    async def close_position(call: Call) -> Json | Answer:
        return await send(call, "closePosition", readers.read_close(call.body), call.body)

    async def modify_position(call: Call) -> Json | Answer:
        return await send(call, "modifyPosition", readers.read_modification(call.body), call.body)

    async def cancel_order(call: Call) -> Json | Answer:
        ticket: int = call.parameters["ticket"]
        return await send(call, "cancelOrder", OrderCancellation(ticket), ticket)

    async def get_order_request(call: Call) -> Json:
        return shapes.request_record(requests.outcome_of(call.caller, call.parameters["key"]))

    return {
        "placeOrder": place_order,
        "closePosition": close_position,
        "modifyPosition": modify_position,
        "cancelOrder": cancel_order,
        "getOrderRequest": get_order_request,
    }


def fingerprint(operation: str, sent: Any) -> bytes:
    """Return the digest by which a repetition is told from another request; the order of names does not matter."""
    return hashlib.sha256(operation.encode("ascii") + b"|" + orjson.dumps(sent, option=orjson.OPT_SORT_KEYS)).digest()
