"""Liveness, told in front of Flask: it is asked for all the time, and costs next to nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..core.headers import PLAIN_HEADERS
from ..core.http import log_request, request_id
from ..core.json import dumps
from ..core.logging import Origin, origin
from .metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/health"
ROUTE = "health.live"
ALIVE = {"status": "ok"}

_BODY = dumps(ALIVE)
_HEADERS = (
    ("Content-Type", "application/json"),
    ("Content-Length", str(len(_BODY))),
    *PLAIN_HEADERS.items(),
)


class Liveness:
    """Answers plain `GET /health` as the route does, and leaves everything else to `application`.

    What comes from a page elsewhere is the route's too: who may read the answer is said there.
    """

    def __init__(self, application: WSGIApplication, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if environ["PATH_INFO"] != PATH or method != "GET" or "HTTP_ORIGIN" in environ:
            return self._application(environ, start_response)
        started = time.perf_counter()
        asked = request_id(environ.get("HTTP_X_REQUEST_ID"))
        origin.set(Origin(asked, environ.get("REMOTE_ADDR")))
        start_response("200 OK", [*_HEADERS, ("X-Request-Id", asked)])
        seconds = time.perf_counter() - started
        self._metrics.count(200, method, ROUTE, seconds)
        log_request(method, PATH, 200, seconds)
        return (_BODY,)
