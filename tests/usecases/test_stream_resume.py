"""Numbered events: snapshots, replay, heartbeats, and what becomes of the numbers over restarts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pytest

from reference_server.domain.account import AccountInfo, AccountState, Mt5Credentials
from reference_server.domain.errors import (
    AccountLoginFailed,
    AccountNotFound,
    AccountNotReady,
    StorageUnavailable,
    TerminalUnavailable,
)
from reference_server.domain.events import AccountChanged, PositionChanged
from reference_server.domain.trading import Position
from reference_server.domain.user import User
from reference_server.usecases.account_events import DEFAULT_KEPT, RESERVED_AT_ONCE
from reference_server.usecases.introductions import READING_SECONDS
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.session import Session, SessionLimits
from tests.usecases.fakes import (
    BACK,
    DEAD,
    LOST,
    FakeTerminal,
    Gateway,
    account_info,
    make_user,
    position,
    settle,
    settled,
)


def taken(session: Session) -> list[str]:
    return [message.decode() for message in session.outbox.take_now()]


def numbers(messages: list[str]) -> list[int]:
    return [int(found[1]) for one in messages if (found := re.match(r"#(\d+) (?!heartbeat)", one))]


class SlowTerminal:
    """Makes a terminal's positions wait to be read until released."""

    def __init__(self, terminal: FakeTerminal) -> None:
        self.release = asyncio.Event()
        self.readings = 0
        self._read = terminal.positions
        terminal.positions = self._positions  # type: ignore[method-assign]

    async def _positions(self) -> Sequence[Position]:
        self.readings += 1
        await self.release.wait()
        return await self._read()


class SlowReading:
    """Makes the figures of an account wait to be read until released, and no question of a client."""

    def __init__(self, terminal: FakeTerminal) -> None:
        self.release = asyncio.Event()
        self._read = terminal.account_info
        terminal.account_info = self._account_info  # type: ignore[method-assign]

    async def _account_info(self) -> AccountInfo:
        await self.release.wait()
        return await self._read()


async def active(gateway: Gateway, user: User) -> FakeTerminal:
    account = await gateway.active_account(user)
    return gateway.terminals.of(account.account_id)


async def test_a_new_socket_is_told_the_state_before_any_event(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    terminal.open_positions[5] = position(5)
    session = await gateway.streams.open_session(user)
    await settle()
    terminal.tell(settled(1))
    first, second = taken(session)
    assert first.endswith("snapshot active 1 positions 0 orders")
    assert second.endswith("orderResult 1")
    assert numbers([first, second])[1] == numbers([first, second])[0] + 1


async def test_events_are_numbered_one_by_one_whoever_listens(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    other = await gateway.socket(user)
    events = (settled(1), PositionChanged(position(2), "opened"), AccountChanged(account_info(1)), settled(4))
    for event in events:
        terminal.tell(event)
    told = numbers(taken(session))
    assert told == list(range(told[0], told[0] + len(events)))
    assert numbers(taken(other)) == told


async def test_what_happens_while_the_state_is_read_comes_after_it_and_only_once(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    slow = SlowTerminal(terminal)
    session = await gateway.streams.open_session(user)
    await settle()
    assert slow.readings == 1
    for ticket in range(3):
        terminal.tell(settled(ticket))
    assert session.outbox.waiting == 0
    slow.release.set()
    await settle()
    terminal.tell(settled(3))
    messages = taken(session)
    state, *events = [re.sub(r"#\d+ ", "", one) for one in messages]
    assert state == "snapshot active 0 positions 0 orders"
    assert events == [f"orderResult {ticket}" for ticket in range(4)]
    told = numbers(messages)
    assert told == list(range(told[0], told[0] + 5))


async def test_sockets_that_come_together_share_one_reading(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    slow = SlowTerminal(terminal)
    first = await gateway.streams.open_session(user)
    await settle()
    late = [await gateway.streams.open_session(user) for _ in range(50)]
    slow.release.set()
    await settle()
    assert slow.readings == 2
    assert {len(taken(session)) for session in (first, *late)} == {1}


async def test_an_account_that_is_not_connected_has_a_state_without_figures(gateway: Gateway, user: User) -> None:
    await gateway.account_cases.create_account(user, Mt5Credentials("1", "x", "Unreachable-Demo"))
    await settle()
    session = await gateway.streams.open_session(user)
    [only] = taken(session)
    assert re.fullmatch(r"#\d+ snapshot disconnected", only)


async def test_a_terminal_that_cannot_tell_its_state_leaves_the_figures_out(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)

    async def fails() -> object:
        raise TerminalUnavailable

    terminal.orders = fails  # type: ignore[method-assign,assignment]
    session = await gateway.streams.open_session(user)
    await settle()
    assert re.fullmatch(r"#\d+ snapshot active", taken(session)[0])


async def test_a_reading_has_a_deadline(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    SlowTerminal(terminal)
    session = await gateway.streams.open_session(user)
    await gateway.clock.advance(READING_SECONDS - 0.1)
    assert taken(session) == []
    await gateway.clock.advance(0.2)
    await settle()
    assert re.fullmatch(r"#\d+ snapshot active", taken(session)[0])


async def test_nothing_of_the_account_is_answered_before_its_state(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    slow = SlowTerminal(terminal)
    session = await gateway.streams.open_session(user)
    subscribing = asyncio.ensure_future(gateway.streams.subscribe(session, ["EURUSD"]))
    await settle()
    assert not subscribing.done()
    slow.release.set()
    assert await subscribing == ("EURUSD",)


async def test_a_socket_whose_account_is_deleted_while_it_waits_is_not_left_waiting(
    gateway: Gateway, user: User
) -> None:
    account = await gateway.active_account(user)
    SlowTerminal(gateway.terminals.of(account.account_id))
    session = await gateway.streams.open_session(user, account.account_id)
    subscribing = asyncio.ensure_future(gateway.streams.subscribe(session, ["EURUSD"]))
    await settle()
    await gateway.account_cases.delete_account(user, account.account_id)
    with pytest.raises(AccountNotReady):
        await subscribing
    state, deleted = taken(session)
    assert state.endswith("snapshot deleted")
    assert deleted.endswith("accountStatus deleted")


async def waiting_for_its_state(gateway: Gateway, session: Session) -> asyncio.Task[Sequence[Position]]:
    """What a client asks for before its socket was told the state of the account."""
    asking = asyncio.ensure_future(gateway.streams.get_positions(session))
    await settle()
    assert not asking.done()
    return asking


async def test_a_socket_that_is_closed_while_it_waits_for_its_state_is_not_left_waiting(
    gateway: Gateway, user: User
) -> None:
    SlowTerminal(await active(gateway, user))
    session = await gateway.streams.open_session(user)
    asking = await waiting_for_its_state(gateway, session)
    gateway.streams.close_user(user.user_id)
    await settle()
    assert isinstance(asking.exception(), AccountNotReady)


async def test_a_socket_whose_state_cannot_be_told_is_closed_and_not_left_waiting(gateway: Gateway, user: User) -> None:
    slow = SlowTerminal(await active(gateway, user))
    session = await gateway.streams.open_session(user)
    asking = await waiting_for_its_state(gateway, session)
    gateway.encoder.failure = OSError("out of memory")
    slow.release.set()
    await settle()
    assert session.outbox.close_code is CloseCode.INTERNAL_ERROR
    assert isinstance(asking.exception(), AccountNotReady)


async def test_who_comes_back_gets_what_was_missed_and_no_state(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    for ticket in range(5):
        terminal.tell(settled(ticket))
    heard = taken(session)[:2]
    gateway.streams.end_session(session)
    terminal.tell(settled(5))
    back = await gateway.streams.open_session(user, since_seq=numbers(heard)[-1])
    await settle()
    terminal.tell(settled(6))
    assert [one.split(" ", 1)[1] for one in taken(back)] == [f"orderResult {ticket}" for ticket in range(2, 7)]


async def test_who_missed_nothing_is_told_nothing(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    terminal.tell(settled(1))
    [last] = numbers(taken(session))
    back = await gateway.streams.open_session(user, since_seq=last)
    await settle()
    assert taken(back) == []


@pytest.mark.parametrize("since", ["too old", "of another life", "zero"])
async def test_where_the_missed_events_are_not_kept_the_state_is_told(gateway: Gateway, user: User, since: str) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    terminal.tell(settled(0))
    [first] = numbers(taken(session))
    for ticket in range(DEFAULT_KEPT + 1):
        terminal.tell(settled(ticket))
    newest = first + DEFAULT_KEPT + 1
    asked = {"too old": first, "of another life": newest + 1, "zero": 0}[since]
    back = await gateway.streams.open_session(user, since_seq=asked)
    await settle()
    assert taken(back) == [f"#{newest} snapshot active 0 positions 0 orders"]
    whole = await gateway.streams.open_session(user, since_seq=first + 1)
    assert len(taken(whole)) == DEFAULT_KEPT


async def test_a_replay_may_be_longer_than_what_may_wait(user: User) -> None:
    gateway = Gateway(limits=SessionLimits(events=10))
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    terminal.tell(settled(0))
    [first] = numbers(taken(session))
    for ticket in range(100):
        terminal.tell(settled(ticket))
    back = await gateway.streams.open_session(user, since_seq=first)
    for ticket in range(10):
        terminal.tell(settled(ticket))
    assert back.outbox.close_code is None
    assert len(taken(back)) == 110
    for ticket in range(11):
        terminal.tell(settled(ticket))
    assert back.outbox.close_code is CloseCode.SLOW_CONSUMER


async def test_a_new_process_goes_on_above_every_number_of_the_old_one(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    session = await gateway.socket(user)
    gateway.terminals.of(account.account_id).tell(settled(1))
    [last] = numbers(taken(session))
    later = await gateway.restarted()
    await later.supervisor.start()
    await settle()
    for seq in range(last + 2):
        back = await later.streams.open_session(user, since_seq=seq)
        await settle()
        [state] = taken(back)
        assert "snapshot active 0 positions" in state
        assert numbers([state])[0] > RESERVED_AT_ONCE >= last


async def test_numbers_go_on_without_a_gap_from_one_reservation_to_the_next(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    told: list[int] = []
    for ticket in range(3 * RESERVED_AT_ONCE):
        terminal.tell(settled(ticket))
        told += numbers(taken(session))
    assert told == list(range(told[0], told[0] + 3 * RESERVED_AT_ONCE))
    assert gateway.positions.calls == 4


async def test_a_feed_that_was_dropped_does_not_repeat_its_numbers(gateway: Gateway, user: User) -> None:
    account, _ = await gateway.account_cases.create_account(user, Mt5Credentials("1", "invalid", "Demo"))
    await settle()
    assert gateway.state(account) is AccountState.LOGIN_FAILED
    first = await gateway.streams.open_session(user, account.account_id)
    before = numbers(taken(first))[-1]
    gateway.streams.end_session(first)
    second = await gateway.streams.open_session(user, account.account_id)
    assert numbers(taken(second))[-1] > before


async def test_numbers_that_cannot_be_reserved_end_the_sockets_and_nothing_else(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    gateway.positions.failure = OSError("disk full")
    for ticket in range(RESERVED_AT_ONCE):
        terminal.tell(settled(ticket))
        taken(session)
    assert session.outbox.close_code is CloseCode.INTERNAL_ERROR
    gateway.streams.end_session(session)
    with pytest.raises(OSError, match="disk full"):
        await gateway.streams.open_session(user, since_seq=RESERVED_AT_ONCE)
    gateway.positions.failure = None
    back = await gateway.streams.open_session(user, since_seq=RESERVED_AT_ONCE)
    await settle()
    terminal.tell(settled(1))
    state, event = taken(back)
    assert "snapshot active" in state
    assert numbers([state, event]) == [RESERVED_AT_ONCE + 2, RESERVED_AT_ONCE + 3]


@pytest.mark.parametrize("is_named", [True, False], ids=["named", "unnamed"])
async def test_a_socket_is_refused_while_storage_fails_whether_or_not_it_names_its_account(
    gateway: Gateway, user: User, is_named: bool
) -> None:
    account = await gateway.active_account(user)
    later = await gateway.restarted()  # which has no numbers left from before
    later.positions.failure = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await later.streams.open_session(user, account.account_id if is_named else None)
    assert later.streams.open_sessions == 0


@pytest.mark.parametrize("loss", [DEAD, LOST], ids=["replaced", "regained"])
async def test_an_account_that_is_active_again_tells_every_socket_its_state(
    gateway: Gateway, user: User, loss: object
) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    session = await gateway.socket(user)
    terminal.tell(loss)  # type: ignore[arg-type]
    await settle()
    if loss is LOST:
        terminal.tell(BACK)
    else:
        await gateway.clock.advance(1)
    await settle()
    gateway.terminals.of(account.account_id).tell(settled(9))
    messages = taken(session)
    assert [one.split(" ", 1)[1] for one in messages] == [
        "accountStatus disconnected", "accountStatus reconnecting", "accountStatus active",
        "snapshot active 0 positions 0 orders", "orderResult 9"]  # fmt: skip
    told = numbers(messages)
    assert told == list(range(told[0], told[0] + 5))


async def test_nothing_of_the_account_is_answered_before_its_state_is_told_anew(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    session = await gateway.socket(user)
    slow = SlowReading(terminal)
    terminal.tell(LOST)
    await settle()
    terminal.tell(BACK)
    await settle()
    asking = await waiting_for_its_state(gateway, session)
    slow.release.set()
    assert await asking == ()
    assert taken(session)[-1].endswith("snapshot active 0 positions 0 orders")


async def test_nothing_of_the_next_account_is_answered_before_its_state(gateway: Gateway, user: User) -> None:
    first = await gateway.active_account(user)
    SlowReading(gateway.terminals.of(first.account_id))
    session = await gateway.streams.open_session(user)
    asking = await waiting_for_its_state(gateway, session)
    second = await gateway.active_account(user)
    slow = SlowReading(gateway.terminals.of(second.account_id))
    await gateway.account_cases.delete_account(user, first.account_id)
    await settle()
    assert not asking.done()
    slow.release.set()
    assert await asking == ()
    assert taken(session)[-1].endswith("snapshot active 0 positions 0 orders")


async def test_who_was_away_while_the_terminal_was_replaced_gets_the_state(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    session = await gateway.socket(user)
    gateway.terminals.of(account.account_id).tell(DEAD)
    await gateway.clock.advance(1)
    status = [one for one in taken(session) if one.endswith("accountStatus active")]
    back = await gateway.streams.open_session(user, since_seq=numbers(status)[0])
    await settle()
    assert "snapshot active 0 positions" in taken(back)[0]


async def test_an_account_nobody_listens_to_costs_no_encoding(gateway: Gateway, user: User) -> None:
    terminal = await active(gateway, user)
    for ticket in range(100):
        terminal.tell(settled(ticket))
    assert gateway.encoder.encoded == 0
    session = await gateway.socket(user)
    assert gateway.encoder.encoded == 0
    for ticket in range(3):
        terminal.tell(settled(ticket))
    heard = numbers(taken(session))
    for _ in range(2):
        await gateway.streams.open_session(user, since_seq=heard[0])
    assert gateway.encoder.encoded == 3


async def test_each_stored_change_is_told_to_the_sockets_of_the_account(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    session = await gateway.socket(user)
    stranger = await gateway.streams.open_session(make_user(user_id="usr_2"))
    await gateway.account_cases.pause_account(user, account.account_id)
    await gateway.account_cases.pause_account(user, account.account_id)
    await gateway.account_cases.resume_account(user, account.account_id)
    await gateway.account_cases.delete_account(user, account.account_id)
    assert [one.split(" ", 1)[1] for one in taken(session)] == [
        "accountStatus active paused", "accountStatus active", "accountStatus deleted"]  # fmt: skip
    assert taken(stranger) == []


async def test_a_socket_without_an_account_hears_of_all_of_the_user(gateway: Gateway, user: User) -> None:
    session = await gateway.streams.open_session(user)
    refused, _ = await gateway.account_cases.create_account(user, Mt5Credentials("1", "invalid", "Demo"))
    await settle()
    messages = [one.split(" ", 1)[1] for one in taken(session)]
    first, state, *later = messages
    assert (first, state) == ("accountStatus created", "snapshot created")
    assert later == ["accountStatus connecting", "accountStatus login_failed"]
    await gateway.account_cases.delete_account(user, refused.account_id)
    assert taken(session)[0].endswith("accountStatus deleted")


async def test_a_socket_among_several_accounts_hears_of_each_and_of_their_states_alone(
    gateway: Gateway, user: User
) -> None:
    first = await gateway.active_account(user)
    await gateway.active_account(user)
    session = await gateway.streams.open_session(user)
    gateway.terminals.of(first.account_id).tell(settled(1))
    await gateway.account_cases.pause_account(user, first.account_id)
    assert [one.split(" ", 1)[1] for one in taken(session)] == ["accountStatus active paused"]
    await gateway.account_cases.delete_account(user, first.account_id)
    await settle()
    assert [one.split(" ", 1)[1] for one in taken(session)] == [
        "accountStatus deleted paused", "snapshot active 0 positions 0 orders"]  # fmt: skip


async def test_a_named_account_is_that_of_the_socket_until_it_is_deleted(gateway: Gateway, user: User) -> None:
    first = await gateway.active_account(user)
    second = await gateway.active_account(user)
    session = await gateway.socket(user, second.account_id)
    gateway.terminals.of(first.account_id).tell(settled(1))
    gateway.terminals.of(second.account_id).tell(settled(2))
    assert [one.split(" ", 1)[1] for one in taken(session)] == ["orderResult 2"]
    await gateway.account_cases.delete_account(user, second.account_id)
    gateway.terminals.of(first.account_id).tell(settled(3))
    assert [one.split(" ", 1)[1] for one in taken(session)] == ["accountStatus deleted"]
    with pytest.raises(AccountNotFound):
        await gateway.streams.subscribe(session, ["EURUSD"])


async def test_an_account_that_is_not_the_users_or_deleted_cannot_be_named(gateway: Gateway, user: User) -> None:
    mine = await gateway.active_account(user)
    theirs = await gateway.active_account(make_user(user_id="usr_2"))
    await gateway.account_cases.delete_account(user, mine.account_id)
    for account_id in (mine.account_id, theirs.account_id, "acc_unknown"):
        with pytest.raises(AccountNotFound):
            await gateway.streams.open_session(user, account_id)
    assert gateway.streams.open_sessions == 0


async def test_a_refused_account_can_be_named_and_tells_its_state(gateway: Gateway, user: User) -> None:
    refused, _ = await gateway.account_cases.create_account(user, Mt5Credentials("1", "invalid", "Demo"))
    await settle()
    session = await gateway.streams.open_session(user, refused.account_id)
    assert re.fullmatch(r"#\d+ snapshot login_failed", taken(session)[0])
    with pytest.raises(AccountLoginFailed):
        await gateway.streams.subscribe(session, ["EURUSD"])
    await gateway.account_cases.delete_account(user, refused.account_id)
    assert taken(session)[0].endswith("accountStatus deleted")
