"""Gateways whose probes mislead those who ask."""

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Problem, UnusualGateway


class Probed(UnusualGateway):
    """A correct gateway that also has both probes."""

    def application(self) -> web.Application:
        app = super().application()
        app.router.add_get("/health/live", self.live, allow_head=False)
        app.router.add_get("/health/ready", self.ready, allow_head=False)
        return app

    async def live(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "breathing", "since": 12})

    async def ready(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "yes"})


@fault("probes.liveness", "SYS-060", Probed)
class LivenessNeedsAKey(Probed):
    async def live(self, request: web.Request) -> web.Response:
        self.owner(request)
        return await super().live(request)


@fault("probes.liveness", "SYS-060", Probed)
class LivenessSaysNothing(Probed):
    async def live(self, request: web.Request) -> web.Response:
        return web.json_response({})


@fault("probes.readiness", "SYS-070", Probed)
class NeverReady(Probed):
    async def ready(self, request: web.Request) -> web.Response:
        raise Problem(503, "some day")


@fault("probes.readiness", "SYS-080", Probed)
class NotReadyForNoReason(Probed):
    async def ready(self, request: web.Request) -> web.Response:
        return web.Response(status=503)


FAULTS = faults_of(globals())
