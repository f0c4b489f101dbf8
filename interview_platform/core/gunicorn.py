"""gunicorn's gevent worker, which refuses as the service refuses, and waits for nobody for long.

Loaded before gevent patches: nothing that holds locks or threads may be imported here.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext, suppress
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import gevent
from gunicorn.http import errors
from gunicorn.util import close_graceful
from gunicorn.workers.ggevent import GeventWorker

from .connections import Client, Connections
from .errors import RequestTimeout
from .headers import PLAIN_HEADERS

PER_ADDRESS = 500
"""Connections an address may have, where the application's configuration does not say."""

PIPELINED = 16
"""Requests of one client after which others have their turn, if it has sent more at once."""

REST_AT_ONCE = 64 * 1024

REFUSED_LINGER = 1.0
REFUSED_AT_ONCE = 32
"""Refused connections that are left time to hear so, in seconds, and how many at a time."""

_STATUS: dict[type[Exception], HTTPStatus] = {
    errors.ConfigurationProblem: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.ForbiddenProxyRequest: HTTPStatus.FORBIDDEN,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ParseException: HTTPStatus.BAD_REQUEST,
    RequestTimeout: RequestTimeout.status,
}

# The client's own deadlines stand in its place.
_NO_TIMEOUT = nullcontext()


class Worker(GeventWorker):  # type: ignore[misc]
    """Serves like gunicorn's own; requests that cannot be read get errors of the contract's form.

    Neither these answers nor their log lines repeat what was sent. Every wait for a client
    ends, and an address has at most `CONNECTIONS_PER_ADDRESS` connections, behind
    `TRUSTED_PROXIES`, both as the application's configuration has them.
    """

    connections: Connections

    def init_process(self) -> None:
        # As plain attributes: gunicorn looks some thirty settings up a request, each by calls.
        for name, setting in self.cfg.settings.items():
            self.cfg.__dict__[name] = setting.get()
        self._lingering = 0
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        config = self.wsgi.config
        self.connections = Connections(
            config.get("CONNECTIONS_PER_ADDRESS", PER_ADDRESS), config.get("TRUSTED_PROXIES", 0)
        )

    def timeout_ctx(self) -> AbstractContextManager[None]:
        return _NO_TIMEOUT

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection until one side closes it."""
        address = addr[0] if isinstance(addr, tuple) else ""
        connection = Client(client, address, self.cfg.keepalive)
        if not self.connections.admit(connection):
            self._refuse(connection)
            return
        try:
            super().handle(listener, connection, addr)
        finally:
            self.connections.release(connection)

    def handle_request(self, listener_name: Any, req: Any, sock: Client, addr: Any) -> None:
        """Answer a request, and read what is left of it."""
        sock.begin(req)
        counted = self.connections.trusted_proxies > 0
        if counted and not self.connections.begin(sock, req.headers):
            sock.sendall(_answer(HTTPStatus.TOO_MANY_REQUESTS, uuid4().hex))
            raise StopIteration
        try:
            super().handle_request(listener_name, req, sock, addr)
        finally:
            if counted:
                self.connections.end(sock)
        sock.end()
        while not req.body.failed and req.body.read(REST_AT_ONCE):
            gevent.sleep(0)
        sock.rest(begun=bool(req.unreader.buf.getvalue()))
        if not self.alive:
            sock.stop_reading()
        elif req.req_number % PIPELINED == 0:
            gevent.sleep(0)

    def _refuse(self, client: Client) -> None:
        """Answer a connection that is one too many."""
        with suppress(OSError):
            client.sendall(_answer(HTTPStatus.TOO_MANY_REQUESTS, uuid4().hex))
        if self._lingering >= REFUSED_AT_ONCE:
            client.close()
            return
        self._lingering += 1
        try:
            # Else what it has sent would have its system drop the answer.
            close_graceful(client.socket, REFUSED_LINGER)
        finally:
            self._lingering -= 1

    def handle_error(self, req: object, client: Client, addr: Any, exc: BaseException) -> None:
        """Answer a request that failed before it reached the application, or beyond it."""
        status = next(
            (status for kind, status in _STATUS.items() if isinstance(exc, kind)),
            HTTPStatus.INTERNAL_SERVER_ERROR,
        )
        request_id = uuid4().hex
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("request %s failed", request_id, exc_info=exc)
        else:
            self.log.warning("request %s refused: %s", request_id, type(exc).__name__)
        with suppress(OSError):
            client.sendall(_answer(status, request_id))


def _answer(status: HTTPStatus, request_id: str) -> bytes:
    body = {
        "code": status.value,
        "status": status.phrase,
        "message": status.phrase,
        "requestId": request_id,
    }
    content = json.dumps(body).encode()
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        f"X-Request-Id: {request_id}",
        *(f"{name}: {value}" for name, value in PLAIN_HEADERS.items()),
        "Connection: close",
    ]
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        head.append("Retry-After: 5")
    return "\r\n".join((*head, "", "")).encode() + content
