"""Subscriptions and questions on the stream: how each is answered, and what it brings about."""

from conformance.catalogue import check
from conformance.checks.steps import open_positions
from conformance.checks.stream_steps import (
    answer_to,
    await_moves,
    fence,
    has_moved_since,
    market_data,
    patience,
    some_symbols,
    subscribe,
)
from conformance.context import CheckContext
from conformance.stream import Message

ECHO = "TONPO-WS-160"

SEVERAL = 6
"""So many messages of market data on one connection leave another one time to say the same."""


def expect_echo(run: CheckContext, message: Message, request_id: str, requirement: str = ECHO) -> None:
    """Assert that an answer carries the `request_id` of the message that it answers."""
    run.expect(
        message.get("request_id") == request_id,
        requirement,
        f"{message.get('type')} does not echo request_id",
        expected=request_id,
        found=message,
    )


@check(
    id="stream.subscription-is-confirmed",
    title="subscribe is answered by subscribed, with its request_id",
    requirements=("TONPO-WS-050", "TONPO-WS-060"),
    needs=("account",),
)
async def subscription_is_confirmed(run: CheckContext) -> None:
    """Subscribe the docs' way, with plain, long and unusual request_ids, and two messages at once."""
    first, second = await some_symbols(run, 2)
    async with run.stream() as stream:
        for name in ("req_001", "ä € 漢", "x" * 128):
            await stream.send({"type": "subscribe", "symbols": [first, second], "request_id": name})
            confirmed = await stream.wait_any(where=_is_answer_to_subscribe, within=patience(run))
            _expect_confirmed(run, confirmed, {name})
        await stream.send({"type": "subscribe", "symbols": [first], "request_id": "one"})
        await stream.send({"type": "subscribe", "symbols": [second], "request_id": "two"})
        names = {"one", "two"}
        for _ in range(2):
            confirmed = await stream.wait_any(where=_is_answer_to_subscribe, within=patience(run))
            _expect_confirmed(run, confirmed, names)
            names.discard(str((confirmed or {}).get("request_id")))


def _is_answer_to_subscribe(message: Message) -> bool:
    return message.get("type") in ("subscribed", "error")


def _expect_confirmed(run: CheckContext, answer: Message | None, names: set[str]) -> None:
    run.require(
        answer is not None and answer.get("type") == "subscribed",
        "TONPO-WS-050",
        f"subscribe is not answered by subscribed within {patience(run):g} s",
        expected="subscribed",
        found=answer or "nothing",
    )
    run.expect_message(answer, "TONPO-WS-050", "subscribed", patience(run))
    run.expect(
        (answer or {}).get("request_id") in names,
        "TONPO-WS-060",
        "subscribed does not echo the request_id of its subscribe",
        expected=sorted(names),
        found=answer,
    )


@check(
    id="stream.subscriptions-add-up",
    title="A second subscribe, without request_id, adds to the first",
    requirements=("TONPO-WS-170",),
    needs=("account",),
)
async def subscriptions_add_up(run: CheckContext) -> None:
    """Subscribe one symbol, then another; ticks of both must follow."""
    first, second = await some_symbols(run, 2)
    async with run.stream() as stream:
        await subscribe(run, stream, [first], request_id="first")
        answer = await answer_to(run, stream, {"type": "subscribe", "symbols": [second]}, "subscribed", "error")
        run.require(
            answer is not None and answer.get("type") == "subscribed",
            "TONPO-WS-170",
            "subscribe without request_id is not accepted",
            expected="subscribed",
            found=answer or "nothing",
        )
        mark = stream.mark()
        await await_moves(run, stream, second)
        if not market_data(stream.since(mark), [first]):
            async with run.stream() as witness:
                await subscribe(run, witness, [first])
                await await_moves(run, witness, first, 2)
            await fence(run, stream)
        run.expect(
            bool(market_data(stream.since(mark), [first])),
            "TONPO-WS-170",
            f"after subscribing {second}, {first} yields nothing more",
            expected="market data of both",
        )


@check(
    id="stream.unsubscribe-ends-market-data",
    title="unsubscribe is answered by unsubscribed, and ends that symbol's market data alone",
    requirements=("TONPO-WS-180", ECHO),
    needs=("account",),
)
async def unsubscribe_ends_market_data(run: CheckContext) -> None:
    """Unsubscribe one of two symbols, while another connection shows that both still move.

    What was on its way while the gateway answered is not held against it: a ping and its pong come in between.
    """
    kept, ended = await some_symbols(run, 2)
    async with run.stream() as stream, run.stream() as witness:
        await subscribe(run, stream, [kept, ended])
        await subscribe(run, witness, [kept, ended])
        await await_moves(run, stream, ended)
        message = {"type": "unsubscribe", "symbols": [ended], "request_id": "enough"}
        answer = await answer_to(run, stream, message, "unsubscribed", "error")
        run.require(
            answer is not None and answer.get("type") == "unsubscribed",
            "TONPO-WS-180",
            "unsubscribe is not answered by unsubscribed",
            found=answer or "nothing",
        )
        expect_echo(run, answer or {}, "enough")
        await fence(run, stream)
        mark, seen = stream.mark(), witness.mark()
        for symbol in (ended, kept):
            if not await has_moved_since(run, witness, seen, symbol, SEVERAL):
                run.could_not_run(f"{symbol} yields too few ticks now (--symbol names another)")
        await fence(run, stream)
        late = market_data(stream.since(mark), [ended])
        run.expect(not late, "TONPO-WS-180", f"{ended} still yields market data", expected="none", found=late[:1])
        run.expect(
            await has_moved_since(run, stream, mark, kept),
            "TONPO-WS-180",
            f"{kept} was not unsubscribed, and yields nothing any more",
            expected="market data goes on",
        )


@check(
    id="stream.positions-are-those-of-rest",
    title="getPositions is answered by the positions that REST lists",
    requirements=("TONPO-WS-190", ECHO),
    needs=("account",),
)
async def positions_are_those_of_rest(run: CheckContext) -> None:
    """Ask over both ways. A position that opens or closes in between is not held against the gateway."""
    async with run.stream() as stream:
        before = set(await open_positions(run))
        message = {"type": "getPositions", "request_id": "which"}
        answer = await answer_to(run, stream, message, "positions", "error")
        after = set(await open_positions(run))
    run.require(
        answer is not None and answer.get("type") == "positions",
        "TONPO-WS-190",
        "getPositions is not answered by positions",
        found=answer or "nothing",
    )
    run.expect_message(answer, "TONPO-WS-190", "positions", patience(run))
    expect_echo(run, answer or {}, "which")
    rows = (answer or {}).get("positions")
    found = {row.get("ticket") for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
    run.expect(
        before & after <= found <= before | after,
        "TONPO-WS-190",
        "the positions are not those that REST lists",
        expected=sorted(before | after),
        found=sorted(map(str, found)),
    )


@check(
    id="stream.unknown-symbol",
    title="Subscribing an unknown symbol is answered by an error, and subscribes nothing",
    requirements=("TONPO-WS-200",),
    needs=("account",),
)
async def unknown_symbol(run: CheckContext) -> None:
    """Subscribe a known symbol together with one that no broker has."""
    invented = f"NOSUCH{run.random.randrange(10**6)}"
    async with run.stream() as stream, run.stream() as witness:
        message = {"type": "subscribe", "symbols": [run.symbol, invented], "request_id": "odd"}
        answer = await answer_to(run, stream, message, "subscribed", "error")
        run.expect(
            answer is not None and answer.get("type") == "error" and answer.get("reason") == "symbol_not_found",
            "TONPO-WS-200",
            "an unknown symbol is not answered by error with reason symbol_not_found",
            expected="error, symbol_not_found",
            found=answer or "nothing",
        )
        await subscribe(run, witness, [run.symbol])
        await await_moves(run, witness, run.symbol, 2)
        await fence(run, stream)
        found = market_data(stream.received())
        run.expect(not found, "TONPO-WS-200", "part of the refused message is subscribed", found=found[:1])


@check(
    id="stream.several-connections",
    title="Several connections of one user each have their own subscriptions",
    requirements=("TONPO-WS-210",),
    needs=("account",),
)
async def several_connections(run: CheckContext) -> None:
    """Subscribe another symbol on each of two connections; close one, and the other goes on."""
    first, second = await some_symbols(run, 2)
    async with run.stream() as one:
        await subscribe(run, one, [first])
        async with run.stream() as two:
            await subscribe(run, two, [second])
            await await_moves(run, two, second, 2)
            await await_moves(run, one, first, 2)
            for stream, other in ((one, second), (two, first)):
                strangers = market_data(stream.received(), [other])
                run.expect(
                    not strangers,
                    "TONPO-WS-210",
                    "a connection gets what another has subscribed",
                    expected="none",
                    found=strangers[:1],
                )
        pong = await answer_to(run, one, {"type": "ping"}, "pong")
        run.expect(pong is not None, "TONPO-WS-210", "closing one connection silences the other", expected="pong")
