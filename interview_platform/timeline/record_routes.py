"""`/api/interviews/<id>/receipt` and `/api/interviews/<id>/export`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bson import ObjectId
from flask import Response

from ..auth.guard import current_actor
from ..core.http import Blueprint
from .record import RecordService
from .record_schemas import ReceiptAnswerSchema

NDJSON = "application/x-ndjson"


def record_blueprint(record: RecordService) -> Blueprint:
    blueprint = Blueprint(
        "record",
        __name__,
        url_prefix="/api/interviews",
        description="The record of an interview, and the proof that it is whole.",
    )

    @blueprint.route(
        "/<id:interview_id>/receipt", methods=["GET"], cost=5, errors=[HTTPStatus.CONFLICT]
    )
    @blueprint.response(200, ReceiptAnswerSchema)
    def receipt(interview_id: ObjectId) -> dict[str, Any]:
        """Return the signed receipt of an interview that is over."""
        return {"receipt": record.receipt(current_actor(), interview_id)}

    @blueprint.route("/<id:interview_id>/export", methods=["GET"], cost=20)
    @blueprint.response(200, {"type": "string"}, content_type=NDJSON)
    def export(interview_id: ObjectId) -> Response:
        """Return the whole record of an interview, a line an entry."""
        lines = record.export(current_actor(), interview_id)
        name = f"interview-{interview_id}.ndjson"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(lines, mimetype=NDJSON, headers=headers)

    return blueprint
