"""`/api/admin/lots`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bson import ObjectId

from ..auth.guard import current_actor
from ..core.http import Blueprint
from ..core.paging import PageRequest
from . import schemas
from .drawing import DrawService
from .model import Method
from .service import LotService

Body = dict[str, Any]


def lots_blueprint(lots: LotService, draws: DrawService) -> Blueprint:
    blueprint = Blueprint(
        "lots",
        __name__,
        url_prefix="/api/admin/lots",
        description="Candidates gathered for a purpose, by hand or by a draw.",
    )

    @blueprint.route("", methods=["POST"])
    @blueprint.arguments(schemas.LotCreateSchema)
    @blueprint.response(201, schemas.LotEnvelope)
    def create(body: Body) -> Body:
        """Create a lot."""
        return {"lot": lots.create(current_actor(), body)}

    @blueprint.route("", methods=["GET"])
    @blueprint.arguments(schemas.LotQuery, location="query")
    @blueprint.response(200, schemas.LotPageSchema)
    def list_all(query: Body) -> Body:
        """List lots, newest first."""
        page = lots.page(PageRequest.of(query, ObjectId), query)
        return {"lots": page.items, "next": page.next}

    @blueprint.route("/<id:lot_id>", methods=["GET"])
    @blueprint.response(200, schemas.LotEnvelope)
    def get(lot_id: ObjectId) -> Body:
        """Return a lot with the ids of its candidates' profiles."""
        return {"lot": lots.get(lot_id)}

    @blueprint.route("/<id:lot_id>", methods=["PATCH"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.LotUpdateSchema)
    @blueprint.response(200, schemas.LotEnvelope)
    def update(body: Body, lot_id: ObjectId) -> Body:
        """Change a lot's name, description, criteria or state; of an archived one, its state."""
        return {"lot": lots.update(current_actor(), lot_id, body)}

    @blueprint.route("/<id:lot_id>/candidates", methods=["POST"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.LotCandidatesSchema)
    @blueprint.response(200, schemas.LotEnvelope)
    def add_candidates(body: Body, lot_id: ObjectId) -> Body:
        """Put candidates into a lot and shortlist them.

        Somebody whose interview is ahead stays `pending`. With an id of nobody or of a
        deactivated account among them, nothing is changed.
        """
        return {"lot": lots.add_candidates(current_actor(), lot_id, body["candidateIds"])}

    @blueprint.route(
        "/<id:lot_id>/candidates/<id:candidate_id>",
        methods=["DELETE"],
        errors=[HTTPStatus.CONFLICT],
    )
    @blueprint.response(204)
    def remove_candidate(lot_id: ObjectId, candidate_id: ObjectId) -> None:
        """Take a candidate out of a lot; if shortlisted and in no other, they are unassigned."""
        lots.remove_candidate(current_actor(), lot_id, candidate_id)

    @blueprint.route("/<id:lot_id>/draw", methods=["POST"], cost=10, errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.DrawRequestSchema)
    @blueprint.response(200, schemas.DrawEnvelope)
    def draw(body: Body, lot_id: ObjectId) -> Body:
        """Draw candidates who match a lot's criteria and are unassigned, and shortlist them.

        The same seed over the same pool picks the same candidates, so that anyone can check
        a draw.
        """
        drawn = draws.draw(
            current_actor(),
            lot_id,
            size=body["size"],
            method=Method(body["method"]),
            seed=body.get("seed"),
            dry_run=body["dryRun"],
        )
        return {"draw": drawn}

    @blueprint.route("/<id:lot_id>/draws", methods=["GET"])
    @blueprint.arguments(schemas.DrawQuery, location="query")
    @blueprint.response(200, schemas.DrawPageSchema)
    def list_draws(query: Body, lot_id: ObjectId) -> Body:
        """List a lot's draws, newest first."""
        page = draws.page(PageRequest.of(query, ObjectId), lot_id)
        return {"draws": page.items, "next": page.next}

    return blueprint
