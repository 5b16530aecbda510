"""What no client should send: it is answered by an error, and the connection survives."""

import orjson

from conformance.catalogue import check
from conformance.checks.stream_steps import answer_to, await_moves, patience, subscribe
from conformance.context import CheckContext
from conformance.stream import Message, Stream

FORM, SURVIVES, ECHO = "TONPO-WS-090", "TONPO-WS-130", "TONPO-WS-160"


async def expect_error(run: CheckContext, stream: Stream, text: str, requirement: str) -> Message:
    """Send a bad message and assert that an `error` in the documented form answers it, and that a ping still works.

    Ends the check at the first one that is not answered: each costs the target's whole patience.
    """
    answer = await answer_to(run, stream, text, "error")
    if answer is None and not stream.is_open:
        await require_alive(run, stream, _shown(text))
    run.require(
        answer is not None,
        requirement,
        f"{_shown(text)} is not answered by error within {patience(run):g} s",
        expected="error",
        found="nothing",
    )
    expect_form(run, [answer] if answer else [])
    await require_alive(run, stream, _shown(text))
    return answer or {}


def expect_form(run: CheckContext, errors: list[Message]) -> None:
    """Assert that each `error` has a code and a message."""
    for error in errors:
        code, message = error.get("code"), error.get("message")
        has_code = (isinstance(code, int) and not isinstance(code, bool)) or (isinstance(code, str) and code != "")
        run.expect(
            has_code and isinstance(message, str) and message != "",
            FORM,
            "an error has no code or no message",
            expected="code, and a non-empty message",
            found=error,
        )


async def require_alive(run: CheckContext, stream: Stream, after: str) -> None:
    """Assert that a ping is answered after a bad message, and end the check otherwise."""
    pong = await answer_to(run, stream, {"type": "ping"}, "pong") if stream.is_open else None
    run.require(
        pong is not None,
        SURVIVES,
        f"after {after} a ping is not answered",
        expected="pong",
        found="nothing" if stream.is_open else f"closed with code {stream.close_code}",
    )


@check(
    id="stream.text-that-is-not-json",
    title="A frame that is not JSON is answered by an error, and the connection survives",
    requirements=("TONPO-WS-100", FORM, SURVIVES),
    needs=("user",),
)
async def text_that_is_not_json(run: CheckContext) -> None:
    """Send broken JSON of several kinds."""
    async with run.stream() as stream:
        for text in ("{", "ping", "{'type': 'ping'}", '{"type": "ping"', '{"type": "ping",}', ""):
            await expect_error(run, stream, text, "TONPO-WS-100")


@check(
    id="stream.unknown-type",
    title="A message of an unknown type is answered by an error with its request_id",
    requirements=("TONPO-WS-110", FORM, SURVIVES, ECHO),
    needs=("user",),
)
async def unknown_type(run: CheckContext) -> None:
    """Send types that the contract does not name."""
    async with run.stream() as stream:
        for name in ("no-such-type", "", "subscribe\u0000", "__proto__"):
            text = orjson.dumps({"type": name, "symbols": [run.symbol], "request_id": "odd"}).decode()
            answer = await expect_error(run, stream, text, "TONPO-WS-110")
            run.expect(answer.get("request_id") == "odd", ECHO, "error does not echo request_id", found=answer)


@check(
    id="stream.malformed-subscribe",
    title="subscribe without an array of texts as symbols is answered by an error",
    requirements=("TONPO-WS-120", FORM, SURVIVES, ECHO),
    needs=("account",),
)
async def malformed_subscribe(run: CheckContext) -> None:
    """Leave `symbols` out, and send other types in its place and inside of it."""
    bad: list[dict[str, object]] = [{}]
    bad += [{"symbols": one} for one in (None, run.symbol, 1, True, {}, {run.symbol: True})]
    bad += [{"symbols": one} for one in ([1], [None], [[run.symbol]], [run.symbol, 7])]
    async with run.stream() as stream:
        for more in bad:
            text = orjson.dumps({"type": "subscribe", "request_id": "bad", **more}).decode()
            answer = await expect_error(run, stream, text, "TONPO-WS-120")
            run.expect(answer.get("request_id") == "bad", ECHO, "error does not echo request_id", found=answer)


@check(
    id="stream.survives-bad-messages",
    title="The connection and its subscriptions survive whatever a client sends",
    requirements=(SURVIVES, FORM),
    needs=("account",),
)
async def survives_bad_messages(run: CheckContext) -> None:
    """Send what is JSON and no message, too long or too deep, and binary frames; how each is answered is left open.

    An echo of a request_id that the contract does not allow is not held against the gateway.
    """
    deep = "[" * 200 + "]" * 200
    frames: tuple[str | bytes, ...] = (
        "[]", "null", "1", "true", '"ping"', '[{"type": "ping"}]', "{}", '{"type": null}', '{"type": 1}',
        '{"type": ["ping"]}', '{"type": {"type": "ping"}}', '{"type": "subscribe", "symbols": []}',
        '{"type": "subscribe", "symbols": [""]}', '{"type": "unsubscribe"}', '{"type": "unsubscribe", "symbols": 1}',
        f'{{"type": "subscribe", "symbols": ["{run.symbol}"], "timeframe": "M7"}}',
        f'{{"type": "subscribe", "symbols": ["{run.symbol}"], "channels": ["depth"]}}',
        f'{{"type": "subscribe", "symbols": ["{"X" * 4000}"]}}',
        f'{{"type": "ping", "request_id": "{"r" * 4000}"}}', '{"type": "ping", "request_id": 7}',
        '{"type": "ping", "request_id": {"a": [1]}}', '{"type": "no-such-type", "more": 1e400}',
        f'{{"type": "no-such-type", "more": {deep}}}', deep, "\u0000", b"\x00\xff\xfe", b'{"type": "ping"}',
    )  # fmt: skip
    async with run.stream() as stream:
        await subscribe(run, stream, [run.symbol])
        await await_moves(run, stream, run.symbol)
        for frame in frames:
            if isinstance(frame, bytes):
                await stream.send_bytes(frame)
            else:
                await stream.send_text(frame)
            await require_alive(run, stream, _shown(frame))
        mark = stream.mark()
        async with run.stream() as witness:
            await subscribe(run, witness, [run.symbol])
            await await_moves(run, witness, run.symbol, 2)
        await require_alive(run, stream, "bad messages")
        run.expect(
            any(message.get("symbol") == run.symbol for message in stream.since(mark)),
            SURVIVES,
            "the subscription did not survive bad messages",
            expected=f"market data of {run.symbol}",
        )
        expect_form(run, stream.received("error"))
        stream.violations[:] = [one for one in stream.violations if ".request_id:" not in one.problem]


def _shown(frame: str | bytes) -> str:
    if isinstance(frame, bytes):
        return f"a binary frame of {len(frame)} bytes"
    return f"the text {frame!r}" if len(frame) <= 60 else f"the text {frame[:60]!r}…"
