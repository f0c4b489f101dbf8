"""`/api/interviews/<id>/media-token` and `/api/webhooks/livekit`."""

from __future__ import annotations

from http import HTTPStatus

from bson import ObjectId
from flask import request

from ..auth.guard import current_actor
from ..core.http import Blueprint, body_limit
from ..core.mongo import Document
from ..core.parsing import read_body
from . import schemas
from .reports import RoomReports
from .service import MediaService

# LiveKit's events take up some hundred bytes.
MAX_REPORT = 64 * 1024
_REPORT = {
    "required": True,
    **body_limit(MAX_REPORT),
    "content": {
        "application/webhook+json": {
            "schema": {"type": "object", "description": "LiveKit's `WebhookEvent`."},
            "example": {
                "event": "room_finished",
                "id": "EV_sXyNgyvsZdVS",
                "createdAt": "1772443800",
                "room": {"name": "Zk3vQ8x1T0mJx9sYw2rB4g"},
            },
        }
    },
}


def media_blueprint(media: MediaService) -> Blueprint:
    blueprint = Blueprint(
        "media",
        __name__,
        url_prefix="/api/interviews",
        description="Meeting by picture and sound.",
    )

    @blueprint.route(
        "/<id:interview_id>/media-token", methods=["POST"], errors=[HTTPStatus.CONFLICT]
    )
    @blueprint.response(200, schemas.MediaTokenSchema)
    def create_token(interview_id: ObjectId) -> Document:
        """Return what the caller connects to the interview's picture and sound with."""
        return media.token(current_actor(), interview_id)

    return blueprint


def webhooks_blueprint(reports: RoomReports) -> Blueprint:
    blueprint = Blueprint(
        "webhooks",
        __name__,
        url_prefix="/api/webhooks",
        description="What other services report; each request is signed.",
    )

    @blueprint.route(
        "/livekit",
        methods=["POST"],
        errors=[
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ],
    )
    @blueprint.doc(requestBody=_REPORT)
    @blueprint.response(200, schemas.ReportedSchema)
    def take_livekit() -> dict[str, bool]:
        """Take an event of LiveKit's, signed in `Authorization` as LiveKit does."""
        body = read_body(MAX_REPORT)
        return {"logged": reports.take(request.headers.get("Authorization", ""), body)}

    return blueprint
