"""`/api/admin/coding-tasks`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bson import ObjectId

from ..auth.guard import current_actor
from ..core.http import Blueprint
from ..core.paging import PageRequest
from ..core.schemas import PageQuery
from . import schemas
from .service import CodingTaskService

Body = dict[str, Any]


def coding_tasks_blueprint(tasks: CodingTaskService) -> Blueprint:
    blueprint = Blueprint(
        "coding_tasks",
        __name__,
        url_prefix="/api/admin/coding-tasks",
        description="The exercises that interviews are held on.",
    )

    @blueprint.route("", methods=["POST"])
    @blueprint.arguments(schemas.CodingTaskCreateSchema)
    @blueprint.response(201, schemas.CodingTaskAnswerSchema)
    def create(body: Body) -> Body:
        """Create a coding task."""
        return {"codingTask": tasks.create(current_actor(), body)}

    @blueprint.route("", methods=["GET"])
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, schemas.CodingTaskPageSchema)
    def list_all(query: Body) -> Body:
        """List coding tasks without their code and tests, newest first."""
        page = tasks.page(PageRequest.of(query, ObjectId))
        return {"codingTasks": page.items, "next": page.next}

    @blueprint.route("/<id:task_id>", methods=["GET"])
    @blueprint.response(200, schemas.CodingTaskAnswerSchema)
    def get(task_id: ObjectId) -> Body:
        """Return a coding task with its code and all of its tests."""
        return {"codingTask": tasks.get(task_id)}

    @blueprint.route("/<id:task_id>", methods=["PATCH"])
    @blueprint.arguments(schemas.CodingTaskUpdateSchema)
    @blueprint.response(200, schemas.CodingTaskAnswerSchema)
    def update(body: Body, task_id: ObjectId) -> Body:
        """Change a coding task; what is left out stays."""
        return {"codingTask": tasks.update(current_actor(), task_id, body)}

    @blueprint.route("/<id:task_id>", methods=["DELETE"], errors=[HTTPStatus.CONFLICT])
    @blueprint.response(204)
    def delete(task_id: ObjectId) -> None:
        """Delete a coding task that no interview refers to."""
        tasks.delete(current_actor(), task_id)

    return blueprint
