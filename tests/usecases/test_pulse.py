"""The sweep over all sockets: heartbeats, and an end for those that take nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from reference_server.domain.user import User
from reference_server.usecases.account_events import RESERVED_AT_ONCE
from reference_server.usecases.outbox import CloseCode, Outbox
from reference_server.usecases.pulse import HEARTBEAT_SECONDS, STALLED_SECONDS, Pulse
from reference_server.usecases.session import Session
from tests.usecases.fakes import Gateway, make_user, settled
from tests.usecases.test_stream_resume import active, taken

SWEEP = HEARTBEAT_SECONDS / 4


class Deaf:
    """A peer that takes nothing after the first write."""

    def __init__(self) -> None:
        self.closed: list[CloseCode] = []

    def write(self, messages: list[bytes]) -> bool:
        return False

    def close(self, code: CloseCode) -> None:
        self.closed.append(code)


def drained_soon(outbox: Outbox) -> None:
    outbox.drain()


async def test_a_silent_socket_gets_a_heartbeat_with_the_last_number(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    gateway.pulse.start()
    terminal.tell(settled(1))
    [last] = [int(one[1 : one.index(" ")]) for one in taken(session)]
    await gateway.clock.advance(HEARTBEAT_SECONDS - 0.1)
    assert taken(session) == []
    await gateway.clock.advance(SWEEP + 0.2)
    assert [re.fullmatch(rf"#{last} heartbeat \d+", one) is not None for one in taken(session)] == [True]
    await gateway.pulse.close()


async def test_a_socket_that_is_told_something_needs_no_heartbeat(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    gateway.pulse.start()
    for ticket in range(20):
        await gateway.clock.advance(HEARTBEAT_SECONDS - 0.1)
        terminal.tell(settled(ticket))
        assert [one.split(" ", 1)[1] for one in taken(session)] == [f"orderResult {ticket}"]
    await gateway.pulse.close()


async def test_heartbeats_go_on_at_their_interval(gateway: Gateway) -> None:
    session = await gateway.streams.open_session(make_user())
    gateway.pulse.start()
    beats = 0
    for _ in range(100):
        await gateway.clock.advance(SWEEP)
        messages = taken(session)
        assert all(one.startswith("#0 heartbeat") for one in messages)
        beats += len(messages)
    assert 100 * SWEEP / (HEARTBEAT_SECONDS + SWEEP) - 1 <= beats <= 100 * SWEEP / HEARTBEAT_SECONDS
    await gateway.pulse.close()


async def test_a_socket_that_takes_nothing_for_long_is_closed_with_4408(gateway: Gateway) -> None:
    session = await gateway.streams.open_session(make_user())
    peer = Deaf()
    session.outbox.connect(peer, drained_soon)
    session.reply(b"pong")
    session.outbox.drain()
    gateway.pulse.start()
    await gateway.clock.advance(STALLED_SECONDS - 0.1)
    assert peer.closed == []
    await gateway.clock.advance(2 * SWEEP)
    assert peer.closed == [CloseCode.SLOW_CONSUMER]
    await gateway.pulse.close()


async def test_an_account_whose_events_have_no_number_costs_others_no_heartbeat(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    unnumbered = await gateway.socket(user)
    other = await gateway.socket(make_user(user_id="usr_2"))
    gateway.positions.failure = OSError("disk full")
    for ticket in range(RESERVED_AT_ONCE):
        terminal.tell(settled(ticket))
        taken(unnumbered)
    assert unnumbered.outbox.close_code is CloseCode.INTERNAL_ERROR
    gateway.pulse.start()
    for _ in range(3):
        await gateway.clock.advance(HEARTBEAT_SECONDS + SWEEP)
        assert [one.split(" ")[1] for one in taken(other)] == ["heartbeat"]
    assert taken(unnumbered) == []
    await gateway.pulse.close()


async def test_heartbeats_go_on_after_a_sweep_that_failed(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    session = await gateway.streams.open_session(make_user())
    sweeps: list[int] = []

    def sessions() -> Iterator[Session]:
        sweeps.append(len(sweeps))
        if len(sweeps) == 1:
            raise OSError("disk full")
        yield session

    pulse = Pulse(sessions, gateway.encoder, gateway.clock)
    pulse.start()
    await gateway.clock.advance(HEARTBEAT_SECONDS + 2 * SWEEP)
    assert [one.split(" ")[1] for one in taken(session)] == ["heartbeat"]
    assert "pulse of the stream failed and is tried again" in caplog.text
    await pulse.close()
