"""A correct gateway with a stream that can be resumed, unlike the reference where that is allowed.

Its numbers begin high and differ between accounts; it keeps few events; it greets, numbers and beats quickly; states
of accounts change when somebody looks; `accountStatus` says no more than it must.
"""

import asyncio
import json
import re
import time
from collections import deque
from contextvars import ContextVar
from typing import Any, ClassVar

from aiohttp import web

from tests.conformance.extended_gateway import SELECTED, ExtendedGateway
from tests.conformance.unusual_gateway import Owner, Problem, Socket, Terminal

Message = dict[str, Any]
SINCE: ContextVar[int | None] = ContextVar("since", default=None)
KEPT = 40
BEAT_SECONDS = 0.2


class Log:
    """The numbered events of one account."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.kept: deque[Message] = deque(maxlen=KEPT)

    def next(self) -> int:
        self.last += 1
        return self.last

    def since(self, seq: int) -> list[Message] | None:
        missed = self.last - seq
        if not 0 <= missed <= len(self.kept):
            return None
        return list(self.kept)[len(self.kept) - missed :]


class ResumingSocket(Socket):
    """`account` is the id of the account that it is told of; `said_at` when it was told something."""

    account: str | None = None
    said_at = 0.0

    async def say(self, message: Message) -> None:
        self.said_at = time.monotonic()
        await super().say(message)


class ResumingGateway(ExtendedGateway):
    capabilities: ClassVar[list[str]] = [*ExtendedGateway.capabilities, "account-status-events", "stream-resume"]
    socket_class: type[Socket] = ResumingSocket

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[str, Log] = {}
        self.told: dict[str, tuple[str, bool]] = {}

    def log(self, terminal: Terminal) -> Log:
        return self.logs.setdefault(terminal.id, Log(1_000 * (1 + len(self.logs))))

    # -- states --------------------------------------------------------------------------------------------------------

    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().create_account(owner, request)
        await self.follow(owner, owner.terminals[answer["account_id"]])
        return answer

    async def status(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().status(owner, request)
        terminal = self.terminal(owner, request)
        await self.follow(owner, terminal)
        return {**answer, "paused": terminal.is_paused}

    async def pause(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().pause(owner, request)
        await self.follow(owner, self.terminal(owner, request))
        return answer

    async def resume(self, owner: Owner, request: web.Request) -> Any:
        answer = await super().resume(owner, request)
        await self.follow(owner, self.terminal(owner, request))
        return answer

    async def delete(self, owner: Owner, request: web.Request) -> Any:
        terminal = self.terminal(owner, request)
        answer = await super().delete(owner, request)
        await self.follow(owner, terminal)
        return answer

    async def follow(self, owner: Owner, terminal: Terminal) -> None:
        """Tell what became of an account's state, if anything did."""
        now = (terminal.state, terminal.is_paused)
        if self.told.get(terminal.id) == now:
            return
        was = self.told.get(terminal.id, ("", False))[0]
        self.told[terminal.id] = now
        await self.tell_status(owner, terminal)
        if terminal.state == "active" != was:
            await self.became_active(owner, terminal)
        for socket in self.sockets_of(owner):
            if socket.account == terminal.id and terminal.state in ("deleted", "login_failed"):
                socket.account = None
            if socket.account is None and vars(socket).get("is_ready") and not vars(socket).get("is_named"):
                await self.bind(owner, socket)

    async def tell_status(self, owner: Owner, terminal: Terminal) -> None:
        await self.tell_event(owner, terminal, self.status_message(terminal), to_unbound=True)

    def status_message(self, terminal: Terminal) -> Message:
        return {
            "type": "accountStatus",
            "account_id": terminal.id,
            "status": terminal.state,
            "paused": terminal.is_paused,
        }

    async def became_active(self, owner: Owner, terminal: Terminal) -> None:
        log = self.log(terminal)
        log.next()
        log.kept.clear()
        for socket in self.sockets_of(owner):
            if socket.account == terminal.id:
                await socket.say(self.snapshot(terminal))

    # -- events --------------------------------------------------------------------------------------------------------

    def sockets_of(self, owner: Owner) -> list[ResumingSocket]:
        return [one for one in owner.sockets if isinstance(one, ResumingSocket)]

    async def tell(self, owner: Owner, message: Message) -> None:
        await self.tell_event(owner, self.desk(owner), message)

    async def tell_event(self, owner: Owner, terminal: Terminal, message: Message, *, to_unbound: bool = False) -> None:
        event = self.numbered(terminal, message)
        for socket in self.sockets_of(owner):
            is_bystander = to_unbound and socket.account is None and bool(vars(socket).get("is_ready"))
            if self.concerns(socket, terminal) or is_bystander:
                await socket.say(event)

    def concerns(self, socket: ResumingSocket, terminal: Terminal) -> bool:
        return socket.account == terminal.id

    def numbered(self, terminal: Terminal, message: Message) -> Message:
        log = self.log(terminal)
        event = {"seq": log.next(), **message}
        log.kept.append(event)
        return event

    def snapshot(self, terminal: Terminal) -> Message:
        state = {"type": "snapshot", "status": terminal.state, "seq": self.log(terminal).last}
        return state | (self.figures(terminal) if terminal.state == "active" else {})

    def figures(self, terminal: Terminal) -> Message:
        return {"account": terminal.broker.figures(), "positions": terminal.broker.rows()}

    # -- sockets -------------------------------------------------------------------------------------------------------

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.owner(request, request.query.get("api_key"))
        since = request.query.get("since_seq")
        SINCE.set(None if since is None else self.since(since))
        return await super().stream(request)

    def since(self, text: str) -> int:
        if not re.fullmatch("[0-9]{1,15}", text):
            raise Problem(400, "invalid_parameter: since_seq is a number")
        return int(text)

    async def feed(self, owner: Owner, socket: Socket) -> None:
        assert isinstance(socket, ResumingSocket)
        selected = SELECTED.get()
        vars(socket)["is_named"] = selected is not None
        vars(socket)["is_ready"] = True
        await self.bind(owner, socket, selected, SINCE.get())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().feed(owner, socket))
            tasks.create_task(self.beat(owner, socket))

    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        problem = self.not_for_one(owner, text)
        if problem is None:
            return await super().hear(owner, socket, text)
        reason, _, words = problem.text.partition(": ")
        echo = {name: one for name, one in json.loads(text).items() if name == "request_id"}
        return await socket.say({"type": "error", "code": problem.status, "message": words, "reason": reason, **echo})

    def not_for_one(self, owner: Owner, text: str) -> Problem | None:
        """Say why a subscription cannot be for one account."""
        try:
            is_subscription = json.loads(text)["type"] == "subscribe"
            if is_subscription:
                self.desk(owner)
        except Problem as problem:
            return problem
        except (ValueError, TypeError, KeyError, IndexError):
            return None
        return None

    async def bind(
        self, owner: Owner, socket: ResumingSocket, selected: str | None = None, since: int | None = None
    ) -> None:
        living = owner.living()
        if selected is None and len(living) != 1:
            return
        terminal = living[0] if selected is None else owner.terminals[selected]
        socket.account = terminal.id
        missed = None if since is None else self.log(terminal).since(since)
        await self.introduce(socket, terminal, missed)

    async def introduce(self, socket: ResumingSocket, terminal: Terminal, missed: list[Message] | None) -> None:
        for message in [self.snapshot(terminal)] if missed is None else missed:
            await socket.say(message)

    async def beat(self, owner: Owner, socket: ResumingSocket) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if time.monotonic() - socket.said_at >= BEAT_SECONDS:
                await socket.say({"type": "heartbeat", "time": int(time.time() * 1000), "seq": self.beating(socket)})

    def beating(self, socket: ResumingSocket) -> int:
        return 0 if socket.account is None else self.logs[socket.account].last
