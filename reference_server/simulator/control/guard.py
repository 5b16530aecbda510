"""Who may drive a broker: whoever has the token, and no web page."""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from reference_server.simulator.control.errors import Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)


def answer(values: Any, *, status: int = 200) -> web.Response:
    """A JSON answer, in ASCII: a comment may hold what UTF-8 cannot, such as half of a character."""
    return web.Response(
        text=json.dumps(values) + "\n",
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def refusal(refused: Refused) -> web.Response:
    """A JSON answer that says no."""
    return answer({"error": refused.error, "message": refused.message}, status=refused.status)


class Guard:
    """Lets a request through when it is addressed to this port, comes from no web page, and bears the token.

    A page can make a browser send requests to a port of its machine, under a name that it points there. Such a request
    has that name in `Host`, or names the page in `Origin`; programs send no `Origin`.
    """

    def __init__(self, token: str, hosts: frozenset[str]) -> None:
        """`hosts` are the values of the Host header that mean this port; empty: any."""
        self._token = token.encode()
        self._hosts = hosts

    def check(self, request: web.Request) -> None:
        """Raises Refused."""
        if self._hosts and request.headers.get("Host", "").lower() not in self._hosts:
            raise Refused(403, "forbidden", "this port answers to its own address only; look at the Host header")
        if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") != "none":
            raise Refused(403, "forbidden", "web pages may not use this port")
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        if kind.lower() != "bearer" or not hmac.compare_digest(given, self._token):
            raise Refused(401, "unauthorized", "send the header `Authorization: Bearer TOKEN` with this port's token")

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check a request, and turn whatever goes wrong into a JSON answer."""
        try:
            self.check(request)
            return await handler(request)
        except Refused as refused:
            response = refusal(refused)
            if refused.status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            return response
        except web.HTTPException as error:
            return refusal(_of_http(error, request))
        except UnicodeDecodeError:
            return refusal(Refused(400, "invalid", "the body is no UTF-8 text"))
        except Exception:  # the edge of the process: whoever drives a broker gets an answer, the log gets the rest
            _log.exception("the control port could not carry out %s %s", request.method, request.path)
            return refusal(Refused(500, "failed", "this is a mistake of the simulator; its log has the details"))


def _of_http(error: web.HTTPException, request: web.Request) -> Refused:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods - {"HEAD"}))
        return Refused(405, "method_not_allowed", f"{request.path} takes {allowed}, not {request.method}")
    if error.status == 404:
        return Refused(404, "unknown", f"there is nothing at {request.path}")
    return Refused(error.status, "invalid", error.reason)
