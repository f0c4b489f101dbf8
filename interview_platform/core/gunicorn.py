"""gunicorn's gevent worker: it answers in one write, and refuses as the service refuses.

Loaded before gevent patches, so that nothing of the service may be imported here.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from socket import SHUT_RDWR, socket
from typing import Any
from uuid import uuid4

from gevent import GreenletExit
from gunicorn import util
from gunicorn.http import errors, wsgi
from gunicorn.workers.ggevent import GeventWorker

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
}


class Worker(GeventWorker):  # type: ignore[misc]
    """Serves like gunicorn's own; requests that cannot be read get errors of the contract's form.

    Neither these answers nor their log lines repeat what was sent.
    """

    def init_process(self) -> None:
        # As plain attributes: gunicorn looks some thirty settings up a request, each by calls.
        for name, setting in self.cfg.settings.items():
            self.cfg.__dict__[name] = setting.get()
        super().init_process()

    def handle_request(self, listener_name: Any, req: Any, sock: socket, addr: Any) -> None:
        """Have the application answer `req`; StopIteration ends the connection.

        As gunicorn's own, without what is not used here: its log, files, and HTTP/2.
        """
        environ: dict[str, Any] = {}
        answer: Answer | None = None
        try:
            self.cfg.pre_request(self, req)
            self.nr += 1
            if self.nr >= self.max_requests:
                self.alive = False
            answer, environ = wsgi.create(
                req, sock, addr, listener_name, self.cfg, response_class=Answer
            )
            environ["wsgi.multithread"] = True
            if not self.alive:
                answer.force_close()
            pieces = self.wsgi(environ, answer.start_response)
            try:
                for piece in pieces:
                    answer.write(piece)
                answer.close()
            finally:
                if hasattr(pieces, "close"):
                    pieces.close()
            if answer.should_close():
                raise StopIteration
        except (StopIteration, OSError):
            raise
        except (GreenletExit, SystemExit) as stop:
            # The worker goes, and does not wait for this any longer.
            raise StopIteration from stop
        except Exception as error:
            if answer is None or not answer.begun:
                raise
            self.log.exception("an answer broke off")
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)
            raise StopIteration from error
        finally:
            self.cfg.post_request(self, req, environ, answer)

    def handle_error(self, req: object, client: socket, addr: Any, exc: BaseException) -> None:
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


class Answer(wsgi.Response):  # type: ignore[misc]
    """An answer whose head leaves with the first piece of its body."""

    _head = b""
    headers_sent: bool

    @property
    def begun(self) -> bool:
        """Whether any of it has been sent."""
        return self.headers_sent and not self._head

    def default_headers(self) -> list[str]:
        """Return the status line and the headers that every answer has."""
        major, minor = self.req.version
        connection = "close" if self.should_close() else "keep-alive"
        head = [
            f"HTTP/{major}.{minor} {self.status}\r\n",
            f"Server: {self.version}\r\nDate: {_date(int(time.time()))}\r\n",
            f"Connection: {'upgrade' if self.upgrade else connection}\r\n",
        ]
        if self.chunked:
            head.append("Transfer-Encoding: chunked\r\n")
        return head

    def send_headers(self) -> None:
        """Make the head ready to be sent."""
        if not self.headers_sent:
            named = (f"{name}: {value}\r\n" for name, value in self.headers)
            self._head = "".join((*self.default_headers(), *named, "\r\n")).encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        framed = b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data
        self._send(framed)

    def close(self) -> None:
        """Send what is left of it."""
        self.send_headers()
        end = b"0\r\n\r\n" if self.chunked else b""
        if self._head or end:
            self._send(end)

    def _send(self, data: bytes) -> None:
        head, self._head = self._head, b""
        self.sock.sendall(head + data if head else data)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """Return the header `Date` of a second."""
    date: str = util.http_date(second)
    return date


def _answer(status: HTTPStatus, request_id: str) -> bytes:
    body = {
        "code": status.value,
        "status": status.phrase,
        "message": status.phrase,
        "requestId": request_id,
    }
    content = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        f"X-Request-Id: {request_id}",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + content
