"""`/health`, `/metrics` and `/api`."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Any

from flask import Response, request

from .. import __version__
from ..core.errors import Unauthorized
from ..core.http import Blueprint
from ..core.settings import Settings
from . import liveness, schemas
from .metrics import CONTENT_TYPE, Metrics
from .service import HealthService


def blueprint(health: HealthService, metrics: Metrics, settings: Settings) -> Blueprint:
    blueprint = Blueprint("health", __name__, description="How the service fares.")

    @blueprint.route(liveness.PATH, methods=["GET"])
    @blueprint.response(200, schemas.LiveSchema)
    def live() -> dict[str, Any]:
        """Tell that the process lives."""
        return liveness.ALIVE

    @blueprint.route("/health/ready", methods=["GET"])
    @blueprint.response(200, schemas.ReadySchema)
    @blueprint.alt_response(503, schema=schemas.ReadySchema, description="A check fails.")
    def ready() -> tuple[dict[str, Any], int]:
        """Tell whether everything that requests need is there."""
        found = health.readiness()
        body = {"status": "ok" if found.ready else "unavailable", "checks": found.checks}
        return body, 200 if found.ready else 503

    @blueprint.route("/metrics", methods=["GET"], errors=[HTTPStatus.UNAUTHORIZED])
    @blueprint.response(200, {"type": "string"}, content_type="text/plain")
    def scrape() -> Response:
        """Return this process's metrics as Prometheus reads them."""
        allowed = f"Bearer {settings.metrics_token}"
        open_to_all = not settings.metrics_token and not settings.production
        given = request.headers.get("Authorization", "")
        if not open_to_all and (
            not settings.metrics_token or not hmac.compare_digest(given.encode(), allowed.encode())
        ):
            raise Unauthorized("Send the metrics token")
        return Response(metrics.render(), content_type=CONTENT_TYPE)

    @blueprint.route("/api", methods=["GET"])
    @blueprint.response(200, schemas.IndexSchema)
    def index() -> dict[str, Any]:
        """Tell the service's name and version."""
        return {"message": "Smart Interview API", "version": __version__}

    return blueprint
