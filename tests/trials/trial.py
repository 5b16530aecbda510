"""One trial: a gateway and its broker, what users and misfortune do to them, and the reckoning at the end."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from conformance.contract import Contract
from tests.trials.books import Books
from tests.trials.judge import complaints, daily_complaints
from tests.trials.model import Account, ByHand, Sent, User, Verdict, World, verdict_of
from tests.trials.processes import PASSWORD, Broker, gateway_process, until
from tests.trials.sockets import LoopThread, Socket, Sockets
from tests.trials.stages import key_for
from tests.trials.streams_judge import chain_complaints, socket_complaints
from tests.trials.views_judge import isolation_complaints, view_complaints
from tests.trials.wire import Reply, Transcript, Wire

BY_HAND_DONE = (10008, 10009, 10010)
SETTLING_SECONDS = 60.0
"""How long it may take, after all is well again, until it is known what became of every request with a key."""


class Trial:
    """What the steps of a trial are made of."""

    def __init__(self, folder: Path, nursery: str, broker: Broker, contract: Contract, thread: LoopThread) -> None:
        self.transcript = Transcript()
        self.world = World()
        self._closing = ExitStack()
        self.broker = broker
        try:
            self.gateway = self._closing.enter_context(gateway_process(folder, nursery, self.broker))
            self.wire = Wire(self.gateway.url, contract, self.transcript)
            self.sockets = Sockets(thread, contract, self.transcript)
            self._pool = self._closing.enter_context(ThreadPoolExecutor(8))
        except BaseException:
            self._closing.close()
            raise
        self.log = ""
        """What the gateway has said, once it is all over."""
        self.under_way: list[Future[None]] = []
        self.chains: dict[Account, list[Socket]] = {}
        self._names = iter(range(1, 10_000))
        self.has_numbers = "snapshot" in contract.sent_by_gateway
        """Whether the contract has the capability `stream-resume`."""

    def close(self) -> None:
        """End everything."""
        self.broker.control.clear_faults()
        for socket in self.sockets.open_ones():
            self.sockets.close(socket)
        self._closing.close()
        self.log = self.gateway.log.read_text()

    # -- users and accounts ------------------------------------------------------------------------------------------

    def add_user(self) -> User:
        """Register."""
        made = self.wire("createUser", {})
        assert made is not None
        assert made.status == 201, made
        user = User(f"u{len(self.world.users)}", made.json["user_id"], made.json["api_key"])
        self.world.users.append(user)
        return user

    def add_account(self, user: User, *, is_netting: bool = False) -> Account:
        """Add an account with a login of its own."""
        login = self.broker.new_login(is_netting=is_netting)
        body = {"mt5Login": str(login), "mt5Password": PASSWORD, "mt5Server": self.broker.server_of(login)}
        made = self.wire("createAccount", body, api_key=user.key, who=user.name)
        assert made is not None
        assert made.status == 201, made
        account = Account(user, made.json["account_id"], login, is_netting=is_netting)
        self.world.accounts.append(account)
        return account

    def status(self, account: Account) -> Any:
        """What the gateway says of an account."""
        told = self.wire.unheard()("getAccountStatus", api_key=account.user.key, account_id=account.account_id)
        assert told is not None
        return told.json

    def wait_until_active(self, account: Account) -> None:
        """Wait for the login; the transcript need not hear of each look."""
        until(lambda: self._quiet_status(account) == "active", f"the connection of {account.login}")

    def _quiet_status(self, account: Account) -> str:
        told = self.wire.unheard()("getAccountStatus", api_key=account.user.key, account_id=account.account_id)
        return "" if told is None else str(told.json.get("status"))

    # -- requests that trade -----------------------------------------------------------------------------------------

    def request(
        self,
        account: Account,
        operation: str,
        body: dict[str, Any] | None,
        *,
        ticket: int = 0,
        is_keyed: bool = True,
        stage: str | None = None,
    ) -> Sent:
        """Make up a request; it is not sent yet. A new order bears its name as comment.

        `stage`: where the gateway dies of it (`tests/trials/stages.py`).
        """
        name = f"r{next(self._names):04}"
        if operation == "placeOrder":
            body = {**(body or {}), "comment": name}
        elif operation in ("closePosition", "modifyPosition"):
            body = {**(body or {}), "ticket": ticket}
        key = f"{name}-{secrets.token_hex(4)}" if is_keyed else None
        if stage is not None:
            key = key_for(stage, name)
        sent = Sent(name, account, operation, body, key, ticket)
        self.world.sent.append(sent)
        return sent

    def send(self, sent: Sent, *, body: dict[str, Any] | None = None) -> Reply | None:
        """Send it once, and note the answer, unless it is sent with another body than its own."""
        account = sent.account
        sent.began_at = sent.began_at or time.time()
        parameters: dict[str, Any] = {"ticket": sent.ticket} if sent.operation == "cancelOrder" else {}
        reply = self.wire(
            sent.operation, body or sent.body, api_key=account.user.key, account=account.account_id,
            idempotency=sent.key, who=f"{account.user.name}/{account.login} {sent.name}", **parameters,
        )  # fmt: skip
        if body is None:
            if not sent.answers and verdict_of(reply) is Verdict.ACCEPTED:
                sent.told_at = time.time()
            sent.answers.append(reply)
        return reply

    def send_at_once(self, requests: list[Sent]) -> None:
        """Send some at the same time and wait for all."""
        wait([self._pool.submit(self.send, sent) for sent in requests])

    def send_aside(self, sent: Sent) -> None:
        """Send it and do not wait."""

        def work() -> None:
            self.send(sent)

        self.under_way.append(self._pool.submit(work))

    def wait_for_all(self) -> None:
        """Wait for whatever is under way."""
        waiting, self.under_way = self.under_way, []
        for one in waiting:
            one.result(120)

    def by_hand(self, account: Account, *, ticket: int = 0, **request: Any) -> ByHand | None:
        """Do something at the terminal, which no request asks for; None where the broker refuses it.

        `ticket`: what it acts on, where it makes no order of its own.
        """
        name = f"h{next(self._names):04}"
        request = {"comment": name, **request}
        told = self.broker.control.trade(self.broker.server_of(account.login), account.login, **request)
        self.transcript.note(f"by hand on {account.login}: {request}: {told['retcode']} {told['order']}")
        if told["retcode"] not in BY_HAND_DONE:
            return None
        done = ByHand(name, account, request, ticket or int(told["order"]), time.time())
        self.world.by_hand.append(done)
        return done

    # -- misfortune --------------------------------------------------------------------------------------------------

    def fault(self, kind: str, **parameters: Any) -> None:
        """Let something go wrong at the broker."""
        self.transcript.note(f"broker: {kind} {parameters}")
        self.broker.control.add_fault(kind, **parameters)

    def all_is_well(self) -> None:
        """Let nothing go wrong any more."""
        self.transcript.note(f"broker: {self.broker.control.clear_faults()} faults cleared")

    def restart_the_dead(self) -> None:
        """Start the gateway again that a request has killed."""
        self.gateway.wait_for_its_death()
        self.transcript.note("gateway: is dead")
        self.wait_for_all()
        self.gateway.start()
        self.transcript.note("gateway: is up again")

    def kill_and_restart(self, *, after_ms: int = 0) -> None:
        """kill -9 of the gateway, whatever it does after so long; then a new one on the same data."""
        time.sleep(after_ms / 1000)  # the moment is chosen, and what happens in it is not
        self.transcript.note("gateway: kill -9")
        self.gateway.kill()
        self.wait_for_all()
        self.gateway.start()
        self.transcript.note("gateway: is up again")

    # -- the reckoning -----------------------------------------------------------------------------------------------

    def check_answers(self) -> None:
        """No answer so far broke the contract."""
        assert self.wire.problems == []

    def settle(self) -> None:
        """Let all be well, and wait until it is known what became of every request with a key."""
        self.wait_for_all()
        self.all_is_well()
        for account in self.world.usable():
            self.wait_until_active(account)
        keyed = [sent for sent in self.world.sent if sent.key is not None]
        for sent in keyed:
            self._ask(sent)
        try:
            until(lambda: not self._undecided(keyed), "the settling of every key", SETTLING_SECONDS)
        except AssertionError:
            self.transcript.note("the keys are not settled: the next life of the gateway looks once more")
            self.kill_and_restart()
            for account in self.world.usable():
                self.wait_until_active(account)
            until(lambda: not self._undecided(keyed), "the settling of every key", SETTLING_SECONDS)

    def finally_known(self, sent: Sent) -> None:
        """Wait until a key says what became of its request, as far as the broker shows it."""
        self._ask(sent)
        until(lambda: not self._undecided([sent]), "the settling of a key", SETTLING_SECONDS)

    def _undecided(self, keyed: list[Sent]) -> list[Sent]:
        """Requests whose key says in_flight, or says unknown although the broker has executed them."""
        books = Books.read(self.broker, self.world)
        asked = [sent for sent in keyed if sent.outcome in ("in_flight", "unknown")]
        for sent in asked:
            self._ask(sent)
        return [
            sent
            for sent in asked
            if sent.outcome == "in_flight"
            or (sent.outcome == "unknown" and not sent.account.deleted and books.placed(sent.name))
        ]

    def _ask(self, sent: Sent) -> None:
        told = self.wire.unheard()("getOrderRequest", api_key=sent.account.user.key, who=sent.name, key=sent.key)
        assert told is not None
        if told.status == 429:
            return  # asked too often: what it said before stands
        if told.status == 404:
            sent.outcome, sent.final = "absent", None
        else:
            sent.outcome, sent.final = told.json["outcome"], told.json.get("result")

    def reckon(self) -> None:
        """Settle, and hold everything that was ever told against the broker's books."""
        self.settle()
        for sent in self.world.sent:
            self.transcript.note(f"the end of {sent.name}: {sent.outcome} {sent.final or ''}")
        books = Books.read(self.broker, self.world)
        found = complaints(books, self.world)
        found += daily_complaints(self.gateway.data_dir / "journal.db", self.world, self.world.users)
        found += view_complaints(books, self.world, self.wire)
        found += isolation_complaints(books, self.world, self.wire.unheard())
        found += socket_complaints(books, self.world, self.sockets.all, has_numbers=self.has_numbers)
        found += self._streams()
        for complaint in found:
            self.transcript.note(f"WRONG: {complaint}")
        assert found == []
        self.check_answers()

    def _streams(self) -> list[str]:
        """Every client that came back with its number knows at the end what is so."""
        if not self.has_numbers:
            return []
        found: list[str] = []
        for account, chain in self.chains.items():
            if account.deleted or not chain:
                continue
            last = chain[-1]
            if last.ended.is_set():
                last = self.come_back(account)

            def wrong(chain: list[Socket] = chain) -> list[str]:
                return chain_complaints(Books.read(self.broker, self.world), self.world, chain)

            try:
                until(lambda wrong=wrong: not wrong(), "the stream's end", 20)  # type: ignore[misc]
            except AssertionError:
                found += wrong()
        return found

    def come_back(self, account: Account) -> Socket:
        """Open the next socket of an account's client, which says the last number that it knows."""
        chain = self.chains.setdefault(account, [])
        since = chain[-1].last_seq if chain and self.has_numbers else None
        socket = self.sockets.open(self.gateway.url, account, since)
        chain.append(socket)
        return socket
