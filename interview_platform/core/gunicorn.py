"""gunicorn's gevent worker, which refuses as the service refuses.

Loaded before gevent patches, so that nothing of the service may be imported here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from socket import socket
from typing import Any
from uuid import uuid4

from gunicorn.http import errors
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
