"""The control port: an HTTP server in a thread of its own, through which a broker is driven from outside."""

import asyncio
import ipaddress
import re
import secrets
import socket
from threading import Event, Thread

from aiohttp import web

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.control.account_routes import AccountRoutes
from reference_server.simulator.control.errors import ControlUnusable
from reference_server.simulator.control.guard import Guard
from reference_server.simulator.control.market_routes import MarketRoutes
from reference_server.simulator.control.plan_routes import PlanRoutes

MOST_BYTES = 64 * 1024
SHUTDOWN_SECONDS = 1.0
_LISTEN = re.compile(r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def parse_listen(listen: str, *, is_public: bool = False) -> tuple[str, int]:
    """Host and port of `127.0.0.1:PORT` or `[::1]:PORT`. Raises ControlUnusable, also for what is not loopback."""
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found["port"]) > 65535:
        raise ControlUnusable(
            f"{listen!r} is no address for a control port; 127.0.0.1:8090 is one, port 0 any free one"
        )
    host = "127.0.0.1" if found["host"] == "localhost" else found["host"].strip("[]")
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise ControlUnusable(f"{host!r} is no IP address; use 127.0.0.1 or [::1]") from None
    if not is_loopback and not is_public:
        raise ControlUnusable(
            f"{host} can be reached from other machines, and whoever has the token can move this broker's prices and "
            "accounts: use 127.0.0.1, or allow it explicitly"
        )
    return host, int(found["port"])


class ControlPort:
    """A running control port. `url` is where it answers, `token` what a caller must show."""

    def __init__(self, broker: SimulatedBroker, listener: socket.socket, token: str) -> None:
        host, port = listener.getsockname()[:2]
        self.token = token
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._listener = listener
        self._guard = Guard(token, _names_of(host, port))
        self._routes = [
            *PlanRoutes(broker).routes(), *MarketRoutes(broker).routes(), *AccountRoutes(broker).routes()
        ]  # fmt: skip
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = Event()
        self._thread = Thread(target=self._run, name=f"control port {self.url}", daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Stop answering. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        application = web.Application(middlewares=[self._guard.middleware], client_max_size=MOST_BYTES)
        application.add_routes(self._routes)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.SockSite(runner, self._listener).start()
            self._ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()


def _names_of(host: str, port: int) -> frozenset[str]:
    """The Host headers that mean a loopback port; empty for an address of the machine, which has any name."""
    address = ipaddress.ip_address(host)
    if not address.is_loopback:
        return frozenset()
    name = f"[{host}]" if address.version == 6 else host
    return frozenset((f"{name}:{port}", f"localhost:{port}"))


def start_control(
    broker: SimulatedBroker, listen: str = "127.0.0.1:0", token: str | None = None, *, is_public: bool = False
) -> ControlPort:
    """Open a control port on a broker. Without a token one is made up: it is the port's `token`.

    Raises ControlUnusable: not an address, not loopback without `is_public`, in use, or a token that is no header's.
    """
    host, port = parse_listen(listen, is_public=is_public)
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise ControlUnusable("a control token is made of visible ASCII characters, at least one, without blanks")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ControlUnusable(f"the control port cannot listen on {listen}: {error.strerror or error}") from None
    return ControlPort(broker, listener, token if token is not None else secrets.token_urlsafe(24))
