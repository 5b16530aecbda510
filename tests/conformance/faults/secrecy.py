"""Gateways that say too much."""

from typing import Any

from aiohttp import web

from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.unusual_gateway import Owner, Problem, UnusualGateway


@fault("secrecy.nothing-comes-back", "SEC-010")
class RepeatsTheBodyInErrors(UnusualGateway):
    async def create_account(self, owner: Owner, request: web.Request) -> Any:
        try:
            return await super().create_account(owner, request)
        except Problem as problem:
            raise Problem(problem.status, f"{problem.text}: {(await request.read()).decode()}") from None


@fault("secrecy.nothing-comes-back", "SEC-010")
class RepeatsBodiesThatAreNotJson(UnusualGateway):
    async def body(self, request: web.Request) -> dict[str, Any]:
        try:
            return await super().body(request)
        except Problem as problem:
            raise Problem(problem.status, f"cannot read {(await request.read())!r}") from None


@fault("secrecy.nothing-comes-back", "SEC-020")
class LoginInTheStatus(UnusualGateway):
    async def status(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().status(owner, request), "login": self.terminal(owner, request).login}


@fault("secrecy.nothing-comes-back", "KEY-070")
class KeyOnTheStream(UnusualGateway):
    async def stream(self, request: web.Request) -> web.StreamResponse:
        owner = self.owner(request, request.query.get("api_key"))
        response = web.WebSocketResponse()
        await response.prepare(request)
        await response.send_json({"type": "welcome", "session": f"session of {owner.key}"})
        async for _ in response:
            await response.send_json({"type": "pong"})
        return response


@fault("errors.mistakes", "SEC-060")
class ErrorsShowTheTrace(UnusualGateway):
    def refusal(self, status: int, text: str, headers: dict[str, str]) -> web.Response:
        trace = 'Traceback (most recent call last):\n  File "/srv/gateway/app.py", line 7, in handle'
        return super().refusal(status, f"{text}\n{trace}" if status == 400 else text, headers)


FAULTS = faults_of(globals())
