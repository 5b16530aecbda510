"""Frames of the stream: what is encoded once must be what every socket would have sent."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from reference_server.api import frames, messages
from reference_server.api.schemas import CompiledSchema
from reference_server.domain.account import Account, AccountInfo, AccountState
from reference_server.domain.errors import SymbolNotFound
from reference_server.domain.events import (
    AccountChanged,
    Figures,
    OrderSettled,
    PositionChanged,
    Snapshot,
    StatusChanged,
)
from reference_server.domain.market import Candle, Tick, Timeframe
from reference_server.domain.trading import Order, OrderResult, OrderState, OrderType, Position, Side
from spec.documents import load_openapi, resolve

POSITION = Position(7, "EURUSD", Side.BUY, 0.1, 1.08556, 1.086, 4.4, -0.7, -0.3, 1_700_000_000_000)
ORDER = Order(8, "EURUSD", Side.BUY, OrderType.LIMIT, 0.1, 0.1, 1.08, OrderState.PLACED, 1_700_000_000_000)
ACCOUNT = Account("acc_1", "usr_1", AccountState.ACTIVE, 0, paused=True)
INFO = AccountInfo(1, "n", "s", "USD", 100, 1e4, 0.0, 1e4, 0.0, 0.0, 1e4, 0.0, "hedging", "demo", True)


def inlined(node: object, document: dict[str, object]) -> object:
    if isinstance(node, list):
        return [inlined(one, document) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return inlined(resolve(document, node["$ref"]), document)
    return {key: inlined(value, document) for key, value in node.items()}


def assert_is(frame: bytes | None, schema: str) -> dict[str, object]:
    """The frame's text is one message of this schema."""
    assert frame is not None
    document = load_openapi()
    message: dict[str, object] = json.loads(frames.payload_of(frame))
    compiled = inlined(resolve(document, f"#/components/schemas/{schema}"), document)
    assert isinstance(compiled, dict)
    assert CompiledSchema(compiled).violations(message) == ()
    return message


@given(st.binary(max_size=300) | st.integers(120, 130).map(bytes) | st.integers(65_530, 65_540).map(bytes))
def test_a_frame_is_the_one_of_the_websocket_library_and_gives_its_payload_back(payload: bytes) -> None:
    frame = frames.text_frame(payload)
    assert frame == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert frames.payload_of(frame) == payload


def test_every_message_of_the_gateway_is_valid_by_the_contract() -> None:
    encoder = frames.FrameEncoder()
    tick = Tick("EURUSD", 1.08542, 1.08556, 1.08549, 12, 1_700_000_000_000)
    candle = Candle("EURUSD", Timeframe.M1, 1_700_000_040_000, 1.0, 2.0, 0.5, 1.5, 9, True)
    result = OrderResult(7, True, 10009, None, 1.08556, 0.1)
    assert_is(encoder.tick(tick), "TickMessage")
    assert_is(encoder.quote(tick), "QuoteMessage")
    assert_is(encoder.candle(candle), "CandleMessage")
    opened = assert_is(encoder.event(PositionChanged(POSITION, "opened"), 7), "PositionMessage")
    assert (opened["event"], opened["seq"]) == ("opened", 7)
    assert_is(encoder.event(OrderSettled(result, "EURUSD", Side.BUY, OrderType.MARKET), 8), "OrderResultMessage")
    unknown_kind = encoder.event(OrderSettled(result, "EURUSD", Side.BUY, None), 9)
    assert "orderType" not in assert_is(unknown_kind, "OrderResultMessage")
    assert assert_is(encoder.event(AccountChanged(INFO), 10), "AccountMessage")["seq"] == 10
    assert assert_is(encoder.event(StatusChanged(ACCOUNT), 11), "AccountStatusMessage") == {
        "type": "accountStatus", "account_id": "acc_1", "status": "active", "paused": True, "last_error": None,
        "seq": 11}  # fmt: skip
    bare = assert_is(encoder.snapshot(Snapshot(12, ACCOUNT)), "SnapshotMessage")
    assert not bare.keys() & {"account", "positions", "orders"}
    whole = assert_is(encoder.snapshot(Snapshot(12, ACCOUNT, Figures(INFO, (POSITION,), (ORDER,)))), "SnapshotMessage")
    assert whole.keys() >= {"account", "positions", "orders", "seq", "status", "account_id", "paused"}
    assert_is(encoder.heartbeat(1_700_000_000_000, 12), "HeartbeatMessage")
    assert_is(frames.subscribed_frame(("EURUSD",), "r"), "SubscribedMessage")
    assert_is(frames.unsubscribed_frame(("EURUSD",), None), "UnsubscribedMessage")
    assert_is(frames.pong_frame(1_700_000_000_000, "r"), "PongMessage")
    assert_is(frames.positions_frame((POSITION,), "r"), "PositionsMessage")
    error = assert_is(frames.error_frame(SymbolNotFound(), "r"), "ErrorMessage")
    assert (error["code"], error["reason"], error["request_id"]) == (404, "symbol_not_found", "r")


@given(st.text(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "symbols", "timeframe", "channels", "request_id", "x"]), inner, max_size=5),
).map(json.dumps))  # fmt: skip
def test_whatever_a_client_says_is_a_message_or_unreadable(text: str) -> None:
    with contextlib.suppress(messages.Unreadable):
        assert isinstance(messages.read(text), messages.Incoming)


@pytest.mark.parametrize("symbol", ["", "x" * 32, "a/b", "a\nb"])
def test_a_name_that_no_symbol_can_have_is_unreadable(symbol: str) -> None:
    with pytest.raises(messages.Unreadable) as unreadable:
        messages.read(json.dumps({"type": "subscribe", "symbols": [symbol], "request_id": "r"}))
    assert unreadable.value.request_id == "r"
