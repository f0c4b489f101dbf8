"""`/api/admin/interviews`, `/api/interviews` and `/api/candidates/interviews`."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from bson import ObjectId

from ..auth.guard import current_actor
from ..core.http import Blueprint
from ..core.paging import PageRequest
from . import schemas
from .lifecycle import LifeCycleService
from .scheduling import SchedulingService
from .service import InterviewService

Body = dict[str, Any]

# What a place in a list of interviews is made of: the start, and the id.
_POSITION = (datetime, ObjectId)


def scheduling_blueprint(scheduling: SchedulingService, interviews: InterviewService) -> Blueprint:
    blueprint = Blueprint(
        "scheduling",
        __name__,
        url_prefix="/api/admin/interviews",
        description="Who meets whom, and when.",
    )

    @blueprint.route("", methods=["POST"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.InterviewCreateSchema)
    @blueprint.response(201, schemas.InterviewAnswerSchema)
    def create(body: Body) -> Body:
        """Schedule an interview and tell both sides."""
        return {"interview": scheduling.create(current_actor(), body)}

    @blueprint.route("", methods=["GET"])
    @blueprint.arguments(schemas.InterviewQuery, location="query")
    @blueprint.response(200, schemas.InterviewPageSchema)
    def list_all(query: Body) -> Body:
        """List interviews, the latest start first."""
        page = PageRequest.of(query, *_POSITION)
        found = interviews.page(current_actor(), "scheduling.list_all", page, **query)
        return {"interviews": found.items, "next": found.next}

    @blueprint.route("/<id:interview_id>", methods=["PATCH"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.InterviewUpdateSchema)
    @blueprint.response(200, schemas.InterviewAnswerSchema)
    def update(body: Body, interview_id: ObjectId) -> Body:
        """Reschedule or reassign a scheduled interview and tell both sides."""
        return {"interview": scheduling.update(current_actor(), interview_id, body)}

    @blueprint.route("/<id:interview_id>/cancel", methods=["POST"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.CancelSchema)
    @blueprint.response(200, schemas.InterviewAnswerSchema)
    def cancel(body: Body, interview_id: ObjectId) -> Body:
        """Cancel a scheduled interview and tell both sides."""
        return {"interview": scheduling.cancel(current_actor(), interview_id, **body)}

    return blueprint


def interviews_blueprint(interviews: InterviewService, life_cycle: LifeCycleService) -> Blueprint:
    blueprint = Blueprint(
        "interviews",
        __name__,
        url_prefix="/api/interviews",
        description="Interviews, for those who take part in them.",
    )

    @blueprint.route("", methods=["GET"])
    @blueprint.arguments(schemas.OwnInterviewQuery, location="query")
    @blueprint.response(200, schemas.InterviewPageSchema)
    def list_own(query: Body) -> Body:
        """List the caller's own interviews (an admin's are all), the latest start first."""
        page = PageRequest.of(query, *_POSITION)
        found = interviews.page(current_actor(), "interviews.list_own", page, **query)
        return {"interviews": found.items, "next": found.next}

    @blueprint.route("/<id:interview_id>", methods=["GET"])
    @blueprint.response(200, schemas.InterviewDetailAnswerSchema)
    def get(interview_id: ObjectId) -> Body:
        """Return an interview with its coding task."""
        return {"interview": interviews.get(current_actor(), interview_id)}

    @blueprint.route("/<id:interview_id>/start", methods=["POST"], errors=[HTTPStatus.CONFLICT])
    @blueprint.response(200, schemas.InterviewAnswerSchema)
    def start(interview_id: ObjectId) -> Body:
        """Start a scheduled interview and tell its room."""
        return {"interview": life_cycle.start(current_actor(), interview_id)}

    @blueprint.route("/<id:interview_id>/end", methods=["POST"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.OutcomeSchema)
    @blueprint.response(200, schemas.InterviewAnswerSchema)
    def end(body: Body, interview_id: ObjectId) -> Body:
        """End a live interview with what came of it, and close its room."""
        return {"interview": life_cycle.end(current_actor(), interview_id, body)}

    @blueprint.route("/<id:interview_id>/logs", methods=["GET"])
    @blueprint.arguments(schemas.LogQuery, location="query")
    @blueprint.response(200, schemas.LogPageSchema)
    def list_logs(query: Body, interview_id: ObjectId) -> Body:
        """List what happened in an interview, the newest first unless asked otherwise."""
        page = PageRequest.of(query, int)
        found = interviews.logs(current_actor(), interview_id, page, **query)
        return {"logs": found.items, "next": found.next}

    return blueprint


def own_interviews_blueprint(interviews: InterviewService) -> Blueprint:
    blueprint = Blueprint(
        "own_interviews",
        __name__,
        url_prefix="/api/candidates",
        description="A candidate's interviews.",
    )

    @blueprint.route("/interviews", methods=["GET"])
    @blueprint.arguments(schemas.OwnInterviewQuery, location="query")
    @blueprint.response(200, schemas.InterviewPageSchema)
    def list_all(query: Body) -> Body:
        """List the caller's interviews, the earliest start first."""
        page = PageRequest.of(query, *_POSITION)
        found = interviews.page(
            current_actor(), "own_interviews.list_all", page, **query, ascending=True
        )
        return {"interviews": found.items, "next": found.next}

    return blueprint
