"""`/api/interviews/<id>/timeline` and `/api/interviews/<id>/code`."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from flask import Response

from ..auth.guard import current_actor
from ..core.errors import Invalid
from ..core.http import Blueprint
from ..session_log.service import TYPES
from . import schemas
from .service import TimelineService

NDJSON = "application/x-ndjson"

Body = dict[str, Any]


def timeline_blueprint(timeline: TimelineService) -> Blueprint:
    blueprint = Blueprint(
        "timeline",
        __name__,
        url_prefix="/api/interviews",
        description="An interview, played back.",
    )

    @blueprint.route("/<id:interview_id>/timeline", methods=["GET"], cost=10)
    @blueprint.arguments(schemas.TimelineQuery, location="query")
    @blueprint.response(200, {"type": "string"}, content_type=NDJSON)
    def list_events(query: Body, interview_id: ObjectId) -> Response:
        """Stream what happened in an interview, a line an event."""
        types = _types(query.pop("types"))
        lines = timeline.events(current_actor(), interview_id, **query, types=types)
        return Response(lines, mimetype=NDJSON)

    @blueprint.route("/<id:interview_id>/code", methods=["GET"], cost=2)
    @blueprint.arguments(schemas.CodeQuery, location="query")
    @blueprint.response(200, schemas.CodeSchema)
    def get_code(query: Body, interview_id: ObjectId) -> Body:
        """Return the code with its language and cursors at a moment."""
        return timeline.code(current_actor(), interview_id, **query)

    @blueprint.route("/<id:interview_id>/code/diff", methods=["GET"], cost=10)
    @blueprint.arguments(schemas.DiffQuery, location="query")
    @blueprint.response(200, schemas.DiffSchema)
    def get_diff(query: Body, interview_id: ObjectId) -> Body:
        """Return how the code changed between two moments."""
        return timeline.diff(current_actor(), interview_id, **query)

    @blueprint.route("/<id:interview_id>/code/stats", methods=["GET"], cost=5)
    @blueprint.response(200, schemas.StatsSchema)
    def get_stats(interview_id: ObjectId) -> Body:
        """Return who typed how much, pastes, idle stretches and runs."""
        return timeline.statistics(current_actor(), interview_id)

    return blueprint


def _types(names: str | None) -> frozenset[str] | None:
    if names is None:
        return None
    types = frozenset(names.split(","))
    if not types <= frozenset(TYPES):
        raise Invalid({"types": [f"Must be some of: {', '.join(TYPES)}."]}, "query")
    return types
