"""The WebSocket itself: who may connect, that it answers, and the form of what it sends."""

import secrets

import orjson

from conformance.catalogue import check
from conformance.checks.stream_steps import answer_to, await_ticks, fence, patience, subscribe
from conformance.context import CheckContext
from conformance.stream import Stream

ECHO = "TONPO-WS-160"


async def expect_alive(run: CheckContext, stream: Stream, requirement: str) -> None:
    """Assert that a connection stays open over a message and its answer."""
    await answer_to(run, stream, {"type": "ping"}, "pong")
    run.expect(stream.is_open, requirement, "the connection was closed", found=f"code {stream.close_code}")


@check(
    id="stream.key-in-header",
    title="The stream opens with a key in the X-API-Key header",
    requirements=("TONPO-WS-010",),
    needs=("user",),
)
async def key_in_header(run: CheckContext) -> None:
    """Connect, and see that the connection lasts over a ping."""
    async with run.stream() as stream:
        await expect_alive(run, stream, "TONPO-WS-010")


@check(
    id="stream.key-in-query",
    title="The stream opens with a key in the api_key query parameter",
    requirements=("TONPO-WS-020",),
    needs=("user",),
)
async def key_in_query(run: CheckContext) -> None:
    """Connect as browsers have to, which cannot send headers."""
    async with run.stream(in_query=True) as stream:
        await expect_alive(run, stream, "TONPO-WS-020")


@check(
    id="stream.bad-keys-are-refused",
    title="The stream does not open without a key, or with one that was never issued",
    requirements=("TONPO-WS-030", "TONPO-WS-150"),
    needs=("user",),
)
async def bad_keys_are_refused(run: CheckContext) -> None:
    """Try no key, an invented one, and near misses of a real one, in the header and in the query."""
    key = run.user.api_key
    last = "A" if key[-1] != "A" else "B"
    bad = [("no key", None), ("an invented key", secrets.token_hex(24)), ("a key with another end", key[:-1] + last),
           ("the beginning of a key", key[: len(key) // 2])]  # fmt: skip
    for what, one in bad:
        await _expect_refusal(run, what, one, in_query=False)
        if one is not None:
            await _expect_refusal(run, f"{what}, in the query,", one, in_query=True)


async def _expect_refusal(run: CheckContext, what: str, key: str | None, *, in_query: bool) -> None:
    answer = await run.handshake(api_key=key, anonymous=key is None, in_query=in_query)
    if answer.status != 101:
        run.expect(
            answer.status >= 400,
            "TONPO-WS-030",
            f"{what} is not refused",
            expected="4xx",
            found=answer.status,
            at=answer,
        )
        body = answer.document
        run.expect(
            answer.status == 401 and isinstance(body.get("error"), str) and body.get("code") == 401,
            "TONPO-WS-150",
            f"{what} is not refused with 401 and the JSON error",
            expected="HTTP 401 with error, code and type",
            found=f"{answer.status} {answer.response.body[:120].decode(errors='replace')}",
            at=answer,
        )
        return
    run.expect(False, "TONPO-WS-150", f"{what} gets an upgrade instead of HTTP 401", expected=401, found=101, at=answer)
    async with run.stream(api_key=key, anonymous=key is None, in_query=in_query) as stream:
        if stream.is_open:
            await stream.send_text('{"type": "ping"}')
        served = await stream.wait_any(where=lambda message: message.get("type") != "error", within=patience(run))
        run.require(
            served is None and not stream.is_open,
            "TONPO-WS-030",
            f"{what} opens the stream",
            expected="no upgrade, or closed before any message but error",
            found=served or "the connection stays open",
        )


@check(
    id="stream.ping-is-answered",
    title="ping is answered by pong, with its request_id",
    requirements=("TONPO-WS-080", ECHO),
    needs=("user",),
)
async def ping_is_answered(run: CheckContext) -> None:
    """Send pings with and without request_id, several at once too."""
    async with run.stream() as stream:
        pong = await answer_to(run, stream, {"type": "ping"}, "pong")
        run.require_message(pong, "TONPO-WS-080", "pong", patience(run))
        names = [f"ping-{number}" for number in range(5)]
        for name in names:
            await stream.send({"type": "ping", "request_id": name})
        pongs = []
        for _ in names:
            pong = await stream.wait_for("pong", within=patience(run))
            pongs.append(run.require_message(pong, "TONPO-WS-080", "one pong for each ping", patience(run)))
        run.expect(
            sorted(str(pong.get("request_id")) for pong in pongs) == names,
            ECHO,
            "pong does not echo request_id",
            expected=names,
            found=pongs,
        )


@check(
    id="stream.messages-are-json-objects",
    title="Every message is a text frame with one JSON object that has a type",
    requirements=("TONPO-WS-070", "TONPO-WS-140"),
    needs=("account",),
)
async def messages_are_json_objects(run: CheckContext) -> None:
    """Go through everything that a client can say, and look at every frame that comes."""
    async with run.stream() as stream:
        await subscribe(run, stream, [run.symbol], request_id="all")
        await await_ticks(run, stream, run.symbol, 3, within=min(2.0, patience(run)))
        for text in ('{"type": "getPositions"}', "{", '{"type": "no-such-type"}', '{"type": "subscribe"}'):
            await stream.send_text(text)
        await stream.send({"type": "unsubscribe", "symbols": [run.symbol]})
        await fence(run, stream)
        for violation in stream.violations:
            rule = "TONPO-WS-140" if _is_typed(violation.frame.text) else "TONPO-WS-070"
            run.expect(False, rule, violation.problem, found=violation.frame.text)
        for requirement in ("TONPO-WS-070", "TONPO-WS-140"):
            run.expect(bool(stream.received()), requirement, "nothing was received")


def _is_typed(text: str) -> bool:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(message, dict) and isinstance(message.get("type"), str)
