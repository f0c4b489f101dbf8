"""`/api/candidates/me/export` and `/api/admin/candidates/<id>/erase`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bson import ObjectId
from flask import Response

from ..auth.guard import current_actor
from ..core.http import Blueprint
from .erasure import ErasureService
from .export import ExportService
from .schemas import ErasureSchema, ExportSchema


def privacy_blueprint(export: ExportService, erasure: ErasureService) -> Blueprint:
    blueprint = Blueprint(
        "privacy",
        __name__,
        url_prefix="/api",
        description="What is kept of a person: told, and erased.",
    )

    @blueprint.route(
        "/candidates/me/export", methods=["GET"], cost=20, errors=[HTTPStatus.NOT_FOUND]
    )
    @blueprint.response(200, ExportSchema)
    def export_own() -> Response:
        """Download all that is kept of the caller."""
        headers = {"Content-Disposition": 'attachment; filename="my-data.json"'}
        return Response(export.of(current_actor()), mimetype="application/json", headers=headers)

    @blueprint.route(
        "/admin/candidates/<id:candidate_id>/erase",
        methods=["POST"],
        cost=10,
        errors=[HTTPStatus.CONFLICT],
    )
    @blueprint.arguments(ErasureSchema)
    @blueprint.response(204)
    def erase(body: dict[str, Any], candidate_id: ObjectId) -> None:
        """Erase all that is kept of a candidate, named by the id of the account or of the profile.

        This cannot be undone. It takes a candidate with no interview ahead or under way.
        Their interviews stay, with who and when alone; the receipts of their logs still
        hold. If it breaks off, it goes on by itself; the same call waits for it.
        """
        erasure.erase(current_actor(), candidate_id, body["confirm"])

    return blueprint
