"""`/api/interviews/<id>/attention`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import ObjectId

from ..auth.guard import current_actor
from ..auth.model import Actor
from ..core.http import Blueprint
from . import schemas

Body = dict[str, Any]


def attention_blueprint(report: Callable[[Actor, ObjectId], Body]) -> Blueprint:
    """Serve what `report` returns of an interview, which checks whose it is."""
    blueprint = Blueprint(
        "attention",
        __name__,
        url_prefix="/api/interviews",
        description="The candidate's attention, as far as they let it be measured.",
    )

    @blueprint.route("/<id:interview_id>/attention", methods=["GET"], cost=5)
    @blueprint.response(200, schemas.AttentionSchema)
    def get(interview_id: ObjectId) -> Body:
        """Return the attention over an interview's live time."""
        return report(current_actor(), interview_id)

    return blueprint
