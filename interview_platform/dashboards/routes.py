"""`/api/admin/dashboard`."""

from __future__ import annotations

from typing import Any

from ..core.http import Blueprint
from . import schemas
from .service import DashboardService


def dashboard_blueprint(dashboard: DashboardService) -> Blueprint:
    blueprint = Blueprint(
        "dashboard",
        __name__,
        url_prefix="/api/admin/dashboard",
        description="How the service's work stands.",
    )

    @blueprint.route("", methods=["GET"])
    @blueprint.response(200, schemas.DashboardSchema)
    def get() -> dict[str, Any]:
        """Return the figures of the pool, the interviews, the messages and the people at work."""
        return dashboard.figures()

    return blueprint
