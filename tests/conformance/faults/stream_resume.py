"""Gateways whose streams cannot be resumed without loss, whatever they claim."""

from typing import Any

from tests.conformance.faults.registering import faults_of
from tests.conformance.faults.registering import resuming_fault as fault
from tests.conformance.resuming_gateway import Log, Message, ResumingGateway, ResumingSocket
from tests.conformance.unusual_gateway import Owner, Terminal

EVENTS, REPLAY, KEPT = "resume.state-then-events", "resume.replay", "resume.not-kept"


@fault(EVENTS, "RES-010")
class EventsWithoutNumbers(ResumingGateway):
    def numbered(self, terminal: Terminal, message: Message) -> Message:
        super().numbered(terminal, message)
        return message


@fault(EVENTS, "RES-010")
class NumbersWithGaps(ResumingGateway):
    def numbered(self, terminal: Terminal, message: Message) -> Message:
        self.log(terminal).next()
        return super().numbered(terminal, message)


@fault(EVENTS, "RES-010")
class EachKindHasItsOwnNumbers(ResumingGateway):
    def numbered(self, terminal: Terminal, message: Message) -> Message:
        event = super().numbered(terminal, message)
        counts: dict[str, int] = vars(terminal).setdefault("counts", {})
        counts[message["type"]] = counts.get(message["type"], 0) + 1
        return {**event, "seq": counts[message["type"]]}


@fault(EVENTS, "RES-020")
class NoStateOnConnecting(ResumingGateway):
    async def introduce(self, socket: ResumingSocket, terminal: Terminal, missed: list[Message] | None) -> None:
        if missed is not None:
            await super().introduce(socket, terminal, missed)


@fault(EVENTS, "RES-020")
class StateWithoutPositions(ResumingGateway):
    def figures(self, terminal: Terminal) -> Message:
        return {"account": terminal.broker.figures()}


@fault(EVENTS, "RES-020")
class StateAfterTheFirstEvent(ResumingGateway):
    async def introduce(self, socket: ResumingSocket, terminal: Terminal, missed: list[Message] | None) -> None:
        vars(socket)["owed"] = self.snapshot(terminal)

    async def tell_event(self, owner: Owner, terminal: Terminal, message: Message, *, to_unbound: bool = False) -> None:
        await super().tell_event(owner, terminal, message, to_unbound=to_unbound)
        for socket in self.sockets_of(owner):
            owed = vars(socket).pop("owed", None)
            if owed is not None:
                await socket.say(owed)


class _Forgetful(Log):
    def since(self, seq: int) -> list[Message] | None:
        return []


@fault(REPLAY, "RES-030")
class NothingIsReplayed(ResumingGateway):
    def log(self, terminal: Terminal) -> Log:
        return self.logs.setdefault(terminal.id, _Forgetful(1_000))


@fault(REPLAY, "RES-030")
class TheFirstMissedOneIsLost(ResumingGateway):
    async def introduce(self, socket: ResumingSocket, terminal: Terminal, missed: list[Message] | None) -> None:
        await super().introduce(socket, terminal, missed and missed[1:])


@fault(REPLAY, "RES-030")
class TheLastMissedOneComesTwice(ResumingGateway):
    async def introduce(self, socket: ResumingSocket, terminal: Terminal, missed: list[Message] | None) -> None:
        await super().introduce(socket, terminal, missed and [*missed, missed[-1]])


@fault(REPLAY, "RES-030")
class AStateInstead(ResumingGateway):
    async def introduce(self, socket: ResumingSocket, terminal: Terminal, missed: list[Message] | None) -> None:
        await super().introduce(socket, terminal, None)


@fault(KEPT, "RES-040")
class SilentAboutWhatIsNotKept(ResumingGateway):
    async def introduce(self, socket: ResumingSocket, terminal: Terminal, missed: list[Message] | None) -> None:
        asked = vars(socket).get("asked")
        await super().introduce(socket, terminal, missed if asked is None else missed or [])

    async def bind(
        self, owner: Owner, socket: ResumingSocket, selected: str | None = None, since: int | None = None
    ) -> None:
        vars(socket)["asked"] = since
        await super().bind(owner, socket, selected, since)


@fault(KEPT, "RES-040")
class ReplaysWhatItHas(ResumingGateway):
    async def bind(
        self, owner: Owner, socket: ResumingSocket, selected: str | None = None, since: int | None = None
    ) -> None:
        if since == 0:
            terminal = owner.living()[0]
            oldest = self.log(terminal).last - len(self.log(terminal).kept)
            since = oldest
            self.numbered(terminal, {"type": "account", **terminal.broker.figures()})
        await super().bind(owner, socket, selected, since)


@fault(KEPT, "RES-090")
class AnyNumberWillDo(ResumingGateway):
    def since(self, text: str) -> int:
        return int(text) if text.isdigit() else 0


@fault("resume.heartbeat", "RES-050")
class NoHeartbeat(ResumingGateway):
    async def beat(self, owner: Owner, socket: ResumingSocket) -> None:
        return


@fault("resume.heartbeat", "RES-050")
class HeartbeatWithoutItsNumber(ResumingGateway):
    def beating(self, socket: ResumingSocket) -> int:
        return 0


@fault("resume.state-agrees", "RES-060")
class StateWithNoPositions(ResumingGateway):
    def figures(self, terminal: Terminal) -> Message:
        return {**super().figures(terminal), "positions": []}


@fault("resume.state-agrees", "RES-060")
class StateWithAnotherBalance(ResumingGateway):
    def figures(self, terminal: Terminal) -> Message:
        figures: dict[str, Any] = super().figures(terminal)
        return {**figures, "account": {**figures["account"], "balance": 1.0}}


@fault("resume.unconnected", "RES-080")
class UnknownLooksEmpty(ResumingGateway):
    def snapshot(self, terminal: Terminal) -> Message:
        return {**super().snapshot(terminal), **self.figures(terminal)}


@fault("resume.unconnected", "RES-100")
class NoNewState(ResumingGateway):
    async def became_active(self, owner: Owner, terminal: Terminal) -> None:
        self.log(terminal).kept.clear()


FAULTS = faults_of(globals())
