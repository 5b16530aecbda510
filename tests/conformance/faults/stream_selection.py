"""Gateways whose connections tell of another account than the one that they are for."""

from aiohttp import web

from tests.conformance.extended_gateway import SELECTED
from tests.conformance.faults.registering import faults_of
from tests.conformance.faults.registering import resuming_fault as fault
from tests.conformance.resuming_gateway import ResumingGateway, ResumingSocket
from tests.conformance.unusual_gateway import Owner, Socket, Terminal

CHOSEN, FOREIGN = "selection.stream", "selection.stream-foreign"


@fault(CHOSEN, "SEL-020")
class EventsGoToAllConnections(ResumingGateway):
    def concerns(self, socket: ResumingSocket, terminal: Terminal) -> bool:
        return True


@fault(CHOSEN, "SEL-020")
class QueryIsIgnored(ResumingGateway):
    async def feed(self, owner: Owner, socket: Socket) -> None:
        SELECTED.set(owner.living()[0].id)
        await super().feed(owner, socket)


@fault(CHOSEN, "SEL-020")
class PositionsOfTheFirst(ResumingGateway):
    async def hear(self, owner: Owner, socket: Socket, text: str) -> None:
        if '"getPositions"' in text:
            SELECTED.set(owner.living()[0].id)
        await super().hear(owner, socket, text)


@fault("selection.stream-ambiguous", "SEL-070")
class TakesTheFirst(ResumingGateway):
    def chosen(self, owner: Owner) -> Terminal:
        return owner.living()[0]


@fault(FOREIGN, "SEL-080")
class AnyAccountWillDo(ResumingGateway):
    async def stream(self, request: web.Request) -> web.StreamResponse:
        owner = self.owner(request, request.query.get("api_key"))
        selected = request.query.get("account_id")
        if selected is not None and selected not in owner.terminals:
            return await super().stream(request.clone(rel_url=request.rel_url.with_query(None)))
        return await super().stream(request)


@fault(FOREIGN, "SEL-080")
class DeletedOnesWillDo(ResumingGateway):
    def selected(self, owner: Owner, selected: str) -> Terminal:
        terminal = owner.terminals.get(selected)
        return super().selected(owner, selected) if terminal is None else terminal


FAULTS = faults_of(globals())
