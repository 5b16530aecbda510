"""Faults over the control port."""

from aiohttp import web

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.control.body import Body
from reference_server.simulator.control.errors import invalid, unknown
from reference_server.simulator.control.guard import answer
from reference_server.simulator.control.state import broker_state, fault_state
from reference_server.simulator.faults.connection import Disconnect
from reference_server.simulator.faults.parsing import fault_from_dict
from reference_server.simulator.faults.values import FaultInvalid


class PlanRoutes:
    """What goes wrong: the faults, and the state of everything."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker

    def routes(self) -> list[web.RouteDef]:
        """The paths and what answers them."""
        return [
            web.get("/state", self.state),
            web.get("/faults", self.list),
            web.post("/faults", self.add),
            web.delete("/faults", self.clear_all),
            web.delete("/faults/{id}", self.clear),
            web.post("/disconnect", self.disconnect),
            web.post("/reconnect", self.reconnect),
        ]

    async def state(self, request: web.Request) -> web.Response:  # noqa: ARG002 - as every route
        """Time, prices, accounts, faults."""
        return answer(broker_state(self._broker))

    async def list(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """The faults that wait or are at work."""
        return answer({"faults": [fault_state(entry) for entry in self._broker.faults.list()]})

    async def add(self, request: web.Request) -> web.Response:
        """Queue a fault."""
        try:
            fault = fault_from_dict((await Body.of(request)).everything())
        except FaultInvalid as error:
            raise invalid(str(error)) from None
        return answer({"id": self._broker.faults.add(fault)}, status=201)

    async def clear_all(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Take every fault away."""
        return answer({"cleared": self._broker.faults.clear()})

    async def clear(self, request: web.Request) -> web.Response:
        """Take one fault away."""
        text = request.match_info["id"]
        try:
            return answer({"cleared": self._broker.faults.clear(int(text))})
        except (ValueError, KeyError):
            raise unknown(f"no fault has the id {text}; GET /faults lists them") from None

    async def disconnect(self, request: web.Request) -> web.Response:
        """Take the link between terminals and trade server down, now."""
        body = await Body.of(request)
        fault = {"kind": Disconnect.kind, **{key: body.take(key) for key in ("login", "ms") if body.has(key)}}
        body.end("login", "ms")
        try:
            found = fault_from_dict(fault)
        except FaultInvalid as error:
            raise invalid(str(error)) from None
        assert isinstance(found, Disconnect)
        return answer({"id": self._broker.faults.start(found)}, status=201)

    async def reconnect(self, request: web.Request) -> web.Response:
        """Bring the link back: end every disconnection, or those of one login."""
        body = await Body.of(request)
        login = body.whole("login", 1, 2**64 - 1) if body.has("login") else None
        body.end("login")
        faults, cleared = self._broker.faults, 0
        with self._broker.lock:
            for entry in faults.list():
                if isinstance(entry.fault, Disconnect) and login in (None, entry.fault.login):
                    cleared += faults.clear(entry.id)
        return answer({"cleared": cleared})
