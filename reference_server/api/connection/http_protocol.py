"""uvicorn's protocol of HTTP/1.1: errors in the gateway's shape, bounds for what is sent, less work for a request."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from reference_server.api.connection.answers import AnswerCycle, refusal_of, refusing
from reference_server.api.connection.head import HEAD_TOO_LARGE, MAX_HEAD_BYTES, problem_of_head, target_of
from reference_server.api.connection.joined_writes import JoinedWrites
from reference_server.api.connection.measured import Measured
from reference_server.api.connection.request_task import RequestTask
from reference_server.domain.errors import GatewayError, InvalidParameter

REQUEST_SECONDS = 30.0
"""How long a client may take to send one request, so that connections on which nothing comes do not pile up."""
MOST_AT_ONCE: Final = 16
"""Requests that came together and are answered before others on the event loop have their turn."""

_Ready = tuple[RequestResponseCycle, Any]
"""A request whose turn it is, and the application that answers it."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, which answers malformed requests in the gateway's error shape and bounds the head.

    A request that is not complete when the bytes that began it are read must be so soon: most arrive in one piece, and
    for those no timer is made.
    """

    cycle: AnswerCycle
    _head_bytes = 0
    _read_bytes = 0
    _completes_here = False
    _problem: str | None = None
    _is_reading_head = False
    _began_before = False
    _is_incomplete = True
    _too_late: asyncio.TimerHandle | None = None
    _requests: RequestTask | None = None
    _ready: _Ready | None = None
    _is_receiving = False
    _idle_since = 0.0
    _idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, with joined writes."""
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type] # all that uvicorn calls
        self._measured = cast(Measured, self.config)
        refusal = self._measured.connections.enter(self._address)
        if refusal is not None:
            self._refuse(refusal)
            return
        self._too_late = self.loop.call_later(REQUEST_SECONDS, self._give_up)
        self._requests = RequestTask(self.loop, self.tasks)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._measured.connections.leave(self._address)
        self._end_waiting()
        self._end_idling()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, unless a request waits for its answer: that of the handshake would be taken for it.

        Then the connection is closed behind that answer.
        """
        if self._owes_answer:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        self._measured.connections.leave(self._address)
        self._end_waiting()
        self._end_idling()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and stop at a head without end."""
        self._read_bytes = len(data)
        self._completes_here = False
        self._began_before = self._is_reading_head
        self._is_receiving = True
        try:
            super().data_received(data)
            begun = 0
            while self._ready is not None:
                ready, self._ready = self._ready, None
                begun += 1
                if begun <= MOST_AT_ONCE:
                    self._run(*ready)
                else:
                    self._start_asgi_task(*ready)
        finally:
            self._is_receiving = False
        if self._is_reading_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(HEAD_TOO_LARGE)
        if self._too_late is not None:
            if not self._is_incomplete:
                self._end_waiting()
        elif self._is_incomplete and not self.transport.is_closing():
            self._too_late = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> None:
        """It is the request's turn: once the parser is done with what came, if it is at work."""
        if self._is_receiving:
            self._ready = cycle, app
        else:
            self._start_asgi_task(cycle, app)

    def _run(self, cycle: RequestResponseCycle, app: Any) -> None:
        request = cycle.run_asgi(app)
        if self._requests is None or not self._requests.run(request):
            request.close()
            self._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """An answer is complete: the next request's turn, or a while for one to come."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._begin(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_idle)

    def _close_idle(self) -> None:
        """Close a connection on which nothing came for so long; one timer for all of its answers.

        What is no request, as empty lines are, leaves it as idle as it was; one that is being received or answered does
        not, whenever the answer before it was complete.
        """
        self._idle_timer = None
        if self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._is_incomplete or not self.cycle.response_complete:
            left = self.timeout_keep_alive
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._close_idle)
        else:
            self.transport.close()

    def _end_idling(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if self._requests is not None:
            self._requests.close()

    def _end_waiting(self) -> None:
        self._is_incomplete = False
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _give_up(self) -> None:
        if self._owes_answer:
            self._too_late = self.loop.call_later(REQUEST_SECONDS, self._give_up)
            return
        self._too_late = None
        self.transport.close()

    @property
    def _owes_answer(self) -> bool:
        """Whether a complete request waits for its answer: an order, perhaps, of which the client must be told.

        What is queued behind a request may be incomplete, but not that request itself.
        """
        latest = self.cycle
        return bool(self.pipeline) or (latest is not None and not latest.response_complete and not latest.more_body)

    def on_message_begin(self) -> None:
        """Begin to count: from the next piece on, where an unknown part of this one is the request before."""
        self._is_incomplete = True
        self._is_reading_head = True
        self._head_bytes = -self._read_bytes if self._completes_here else 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete: what follows is bounded elsewhere. Raises ValueError, which refuses the request."""
        self._is_reading_head = False
        parser, scope, headers = self.parser, self.scope, self.headers
        version = parser.get_http_version()
        may_be_large = self._began_before or self._read_bytes > MAX_HEAD_BYTES
        self._problem = problem_of_head(version, self.url, headers, may_be_large=may_be_large)
        if self._problem is not None:
            raise ValueError(self._problem)
        scope["method"] = parser.get_method().decode("ascii")
        if version != "1.1":
            scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        scope["path"], scope["raw_path"], scope["query_string"] = target_of(self.url)
        before = self.cycle
        self.cycle = AnswerCycle(self, keep_alive=version != "1.0" and parser.should_keep_alive())
        if before is None or before.response_complete:
            self._begin(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._is_incomplete = False
        self._completes_here = True
        cycle = self.cycle
        if self.parser.should_upgrade() and self._should_upgrade():
            return
        if cycle.response_complete:  # it was answered before: idle from now on
            self._idle_since = self.loop.time()
            return
        cycle.more_body = False
        cycle.complete()

    def send_400_response(self, msg: str) -> None:
        """Answer in the gateway's shape, and close; behind the answers to the requests before, if there are any.

        Written at once, it would be taken for the answer to one of those: to an order that is being executed.
        """
        error = InvalidParameter(self._problem or msg.replace("Invalid HTTP request received.", _NO_HTTP))
        latest = self.cycle
        is_next = self._ready is not None and self._ready[0] is latest
        if latest is None or latest.response_complete or (is_next and latest.more_body):
            self._ready = None
            self._refuse(error)
            return
        latest.keep_alive = False
        if self.pipeline and latest.more_body:  # it is what cannot be read, and is refused in its turn
            self.pipeline[0] = (latest, refusing(error))
        elif latest.more_body:  # it has begun: who reads on is told, and who does not has done what it answers
            latest.fail(error)
        self.flow.pause_reading()

    @property
    def _address(self) -> str | None:
        return self.client[0] if self.client else None

    def _refuse(self, error: GatewayError) -> None:
        status, headers, content = refusal_of(error)
        head = b"".join(b"%b: %b\r\n" % one for one in [*self.server_state.default_headers, *headers])
        self.transport.write(STATUS_LINE[status] + head + b"connection: close\r\n\r\n" + content)
        self.transport.close()


_NO_HTTP = "The request is not valid HTTP/1.1."
