"""What lots and draws look like on the wire."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validates_schema

from ..candidates.schemas import PlainName, PlainText, skills_field, tags_field
from ..core.fields import Decimal, Flag, Id, ListOf, Number, Part, Timestamp
from ..core.schemas import ChangeSchema, PageEnvelope, PageQuery, Schema
from ..core.text_fields import Choice, Text
from .model import MAX_CANDIDATES, LotState, Method

MAX_DRAWN = 1_000
MAX_ADDED = 1_000
MAX_DRAWS_A_PAGE = 20


def lot_name_field(**kwargs: Any) -> PlainName:
    return PlainName(
        "What the lot is called.", least=1, most=200, example="Backend, spring", **kwargs
    )


def description_field() -> PlainText:
    return PlainText(
        "What the lot is for.",
        most=2_000,
        allow_none=True,
        dump_default=None,
        example="Two posts in Berlin.",
    )


def years_field(description: str, example: float) -> Decimal:
    return Decimal(description, least=0, most=80, example=example, allow_none=True)


class CriteriaSchema(Schema):
    """Whom a draw picks for the lot; what is left out matters not."""

    experienceMin = years_field("The least years of experience.", 3)
    experienceMax = years_field("The most years of experience.", 10)
    skills = skills_field("Skills of which a candidate must have all.")
    tags = tags_field("Tags of which a candidate must have any.")

    @validates_schema
    def _ordered(self, criteria: dict[str, Any], **kwargs: Any) -> None:
        least, most = criteria.get("experienceMin"), criteria.get("experienceMax")
        if least is not None and most is not None and least > most:
            raise ValidationError("Must not be less than experienceMin.", "experienceMax")


class LotCreateSchema(Schema):
    name = lot_name_field(required=True)
    description = description_field()
    criteria = Part(CriteriaSchema, "Whom the lot looks for.")


class LotUpdateSchema(ChangeSchema):
    """What is left out stays; criteria are replaced as a whole."""

    name = lot_name_field()
    description = description_field()
    criteria = Part(CriteriaSchema, "Whom the lot looks for.")
    status = Choice("Whether the lot is in use.", LotState, example="active")


class LotItemSchema(Schema):
    """A lot in a list."""

    id = Id("The lot's id.", attribute="_id")
    name = lot_name_field()
    description = description_field()
    criteria = Part(CriteriaSchema, "Whom the lot looks for.")
    status = Choice("Whether the lot is in use.", LotState, example="active")
    candidateCount = Number("How many candidates are in the lot.", example=12)
    createdBy = Id("The id of the account that made the lot.")
    createdAt = Timestamp("When the lot was made.")
    updatedAt = Timestamp("When the lot was last changed.")


class LotSchema(LotItemSchema):
    """A lot with its candidates."""

    candidates = ListOf(
        Id("A profile's id."), "The ids of the candidates' profiles.", most=MAX_CANDIDATES
    )


class LotEnvelope(Schema):
    lot = Part(LotSchema, "The lot.")


class LotQuery(PageQuery):
    status = Choice("Only lots in this state.", LotState, example="active")


class LotPageSchema(PageEnvelope):
    lots = ListOf(Part(LotItemSchema, "A lot."), "The page's lots, newest first.", most=200)


class LotCandidatesSchema(Schema):
    candidateIds = ListOf(
        Id("The id of an account or a profile."),
        "Who is to be in the lot.",
        least=1,
        most=MAX_ADDED,
        required=True,
    )


class DrawRequestSchema(Schema):
    size = Number(
        "How many candidates to draw; fewer are drawn where fewer match.",
        least=1,
        most=MAX_DRAWN,
        required=True,
        example=5,
    )
    method = Choice(
        "`random` orders the pool by the seed; `ranked` by how well the criteria match, and "
        "those that match alike by the seed.",
        Method,
        required=True,
    )
    seed = Text(
        "What the order follows from. Left out: made at random.",
        least=1,
        most=128,
        trim=False,
        example="spring-2026",
    )
    dryRun = Flag("Only tell whom a draw would pick now.", example=False, load_default=False)


class PickedSchema(Schema):
    id = Id("The id of the candidate's account.", attribute="user")
    profileId = Id("The id of the candidate's profile.", attribute="profile")
    name = Text("The candidate's name; null for one who is gone.", most=200, allow_none=True)
    score = Decimal(
        "How well the criteria match, of 1; only where the draw was ranked.",
        least=0,
        most=1,
        example=0.75,
    )


class DrawSchema(Schema):
    """A draw: all that it takes to repeat it, and whom it picked."""

    id = Id("The draw's id; null for a dry run.", attribute="_id", allow_none=True)
    lotId = Id("The lot's id.", attribute="lot")
    method = Choice("How the pool was ordered.", Method)
    seed = Text("What the order followed from.", most=128, example="spring-2026")
    size = Number("How many candidates were asked for.", least=1, most=MAX_DRAWN, example=5)
    criteria = Part(CriteriaSchema, "The lot's criteria, as they were.")
    poolSize = Number("How many candidates matched and were unassigned.", example=120)
    poolDigest = Text(
        "The SHA-256, in hex, of the pool: the profiles' ids ascending, a line feed between two.",
        most=64,
        example="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    )
    selected = ListOf(
        Part(PickedSchema, "A candidate."), "Those drawn, in their order.", most=MAX_DRAWN
    )
    createdBy = Id("The id of the account that drew.")
    createdAt = Timestamp("When.")


class DrawEnvelope(Schema):
    draw = Part(DrawSchema, "The draw.")


class DrawQuery(PageQuery):
    limit = Number(
        "How many draws a page may hold: fewer than of other things, since each names many.",
        least=1,
        most=MAX_DRAWS_A_PAGE,
        example=MAX_DRAWS_A_PAGE,
        strict=False,
        load_default=MAX_DRAWS_A_PAGE,
    )


class DrawPageSchema(PageEnvelope):
    draws = ListOf(
        Part(DrawSchema, "A draw."), "The page's draws, newest first.", most=MAX_DRAWS_A_PAGE
    )
