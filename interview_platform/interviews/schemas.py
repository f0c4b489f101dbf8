"""What interviews look like on the wire."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validate, validates_schema

from ..auth.schemas import UserRefSchema
from ..coding_tasks.schemas import CodingTaskRefSchema, CodingTaskSchema
from ..core.fields import Decimal, Flag, Id, Json, ListOf, Number, Part, Timestamp
from ..core.schemas import ChangeSchema, PageEnvelope, PageQuery, Schema
from ..core.text_fields import Choice, Name, Text
from ..session_log.entry import MAX_BYTES, TYPES
from .model import MAX_CRITERIA, MAX_FEEDBACK, InterviewStatus, Recommendation


def room_field() -> Text:
    return Text(
        "The name of the interview's room at the video service; made up if left out.",
        most=128,
        validate=[validate.Regexp(r"^[A-Za-z0-9_-]{8,128}$")],
        example="Zk3vQ8x1T0mJx9sYw2rB4g",
    )


def candidate_id_field(**kwargs: bool) -> Id:
    return Id("The id of the candidate's account or profile.", attribute="candidate", **kwargs)


def interviewer_id_field(**kwargs: bool) -> Id:
    return Id("The interviewer's id.", attribute="interviewer", **kwargs)


def lot_id_field(**kwargs: bool) -> Id:
    return Id("The id of the lot that the candidate came from.", attribute="lot", **kwargs)


def task_id_field(**kwargs: bool) -> Id:
    return Id("The id of the coding task.", attribute="codingTask", **kwargs)


def score_field(description: str) -> Decimal:
    return Decimal(description, least=0, most=100, allow_none=True, example=87.5)


class ScheduleSchema(Schema):
    """When an interview takes place; its end is not part of it."""

    start = Timestamp(
        "When it begins: not in the past, and in two years at most.",
        required=True,
        example="2027-03-04T09:00:00.000Z",
    )
    end = Timestamp(
        "When it ends: after its start, by 12 hours at most.",
        required=True,
        example="2027-03-04T10:00:00.000Z",
    )


class InterviewCreateSchema(Schema):
    candidateId = candidate_id_field(required=True)
    interviewerId = interviewer_id_field(required=True)
    lotId = lot_id_field(allow_none=True)
    codingTaskId = task_id_field(allow_none=True)
    meetingRoomId = room_field()
    schedule = Part(ScheduleSchema, "When it is to take place.", required=True)


class InterviewUpdateSchema(ChangeSchema):
    interviewerId = interviewer_id_field()
    lotId = lot_id_field(allow_none=True)
    codingTaskId = task_id_field(allow_none=True)
    meetingRoomId = room_field()
    schedule = Part(ScheduleSchema, "When it is to take place.")


class CancelSchema(Schema):
    reason = Text(
        "Why, for both sides to read.",
        most=1000,
        allow_none=True,
        load_default=None,
        example="The interviewer has fallen ill.",
    )


class CriterionSchema(Schema):
    """One thing that was judged."""

    name = Name("What was judged.", least=1, most=100, required=True, example="Problem solving")
    score = Number("How good it was.", least=1, most=5, required=True, example=4)
    comment = Text(
        "Why.", most=2000, allow_none=True, example="Found the hash table without a hint."
    )


class ScorecardSchema(Schema):
    """What the interviewer concludes."""

    recommendation = Choice("Whether to hire.", Recommendation, required=True, example="yes")
    criteria = ListOf(
        Part(CriterionSchema, "One thing that was judged."),
        "What was judged, each thing once.",
        most=MAX_CRITERIA,
        load_default=list,
    )

    @validates_schema
    def _each_once(self, data: dict[str, Any], **_: Any) -> None:
        names = [criterion["name"].casefold() for criterion in data.get("criteria", ())]
        if len(set(names)) < len(names):
            raise ValidationError("Names the same thing twice.", "criteria")


class OutcomeSchema(Schema):
    # A full scorecard in a script of three bytes a character.
    MAX_BYTES = 512 * 1024

    feedback = Text(
        "What the interviewer has to say, for staff alone.",
        most=MAX_FEEDBACK,
        allow_none=True,
        example="Calm and clear; would work with her tomorrow.",
    )
    attentivenessScore = score_field(
        "How attentive the candidate was; what was measured, if left out."
    )
    scorecard = Part(ScorecardSchema, "What the interviewer concludes.", allow_none=True)


class TimesSchema(Schema):
    """When an interview takes place, as far as it is known."""

    start = Timestamp(
        "When it begins; null in some older interviews.",
        allow_none=True,
        example="2027-03-04T09:00:00.000Z",
    )
    end = Timestamp(
        "When it ends; null in some older interviews.",
        allow_none=True,
        example="2027-03-04T10:00:00.000Z",
    )


class LotNameSchema(Schema):
    """Which lot it is."""

    id = Id("The lot's id.", attribute="_id")
    name = Text("What the lot is called.", most=200, example="Backend, spring")


class InterviewSchema(Schema):
    """An interview. What is for staff is left out where a candidate reads it."""

    id = Id("The interview's id.", attribute="_id")
    status = Choice("Where it is in its life.", InterviewStatus)
    candidate = Part(UserRefSchema, "Who is interviewed.", allow_none=True)
    interviewer = Part(UserRefSchema, "Who interviews.", allow_none=True)
    codingTask = Part(CodingTaskRefSchema, "What is worked on, or null.", allow_none=True)
    schedule = Part(TimesSchema, "When it takes place.")
    meetingRoomId = Text(
        "The name of its room at the video service; null in some older interviews.",
        most=128,
        allow_none=True,
        example="Zk3vQ8x1T0mJx9sYw2rB4g",
    )
    startedAt = Timestamp("When it was started, or null.", allow_none=True)
    endedAt = Timestamp("When it was ended, or null.", allow_none=True)
    cancelledAt = Timestamp("When it was cancelled, or null.", allow_none=True)
    cancelReason = Text(
        "Why it was cancelled, or null.",
        most=1000,
        allow_none=True,
        example="The interviewer has fallen ill.",
    )
    createdAt = Timestamp("When it was scheduled.")
    updatedAt = Timestamp("When it was last changed.")
    lot = Part(LotNameSchema, "Staff: where the candidate came from, or null.", allow_none=True)
    createdBy = Id("Staff: the id of the admin who scheduled it.", allow_none=True)
    feedback = Text(
        "Staff: what the interviewer has to say, or null.",
        most=MAX_FEEDBACK,
        allow_none=True,
        example="Calm and clear; would work with her tomorrow.",
    )
    attentivenessScore = score_field("Staff: how attentive the candidate was, or null.")
    scorecard = Part(
        ScorecardSchema, "Staff: what the interviewer concludes, or null.", allow_none=True
    )


class InterviewDetailSchema(InterviewSchema):
    """An interview with its whole task, or what a candidate may see of that."""

    codingTask = Part(
        CodingTaskSchema,
        "What is worked on, or null. Candidates see no hidden test.",
        allow_none=True,
    )


class InterviewAnswerSchema(Schema):
    interview = Part(InterviewSchema, "The interview.")


class InterviewDetailAnswerSchema(Schema):
    interview = Part(InterviewDetailSchema, "The interview.")


class InterviewPageSchema(PageEnvelope):
    interviews = ListOf(
        Part(InterviewSchema, "An interview."), "The page's interviews, by start.", most=200
    )


class OwnInterviewQuery(PageQuery):
    status = Choice("Only interviews in this state.", InterviewStatus)


class InterviewQuery(OwnInterviewQuery):
    interviewerId = Id("Only interviews by this interviewer.", attribute="interviewer")
    candidateId = Id(
        "Only interviews of this candidate, named by account or profile.", attribute="candidate"
    )
    lotId = Id("Only interviews of candidates from this lot.", attribute="lot")
    since = Timestamp("Only interviews that begin then or later.", data_key="from")
    until = Timestamp("Only interviews that begin before.", data_key="to")


class LogQuery(PageQuery):
    type = Choice("Only entries of this type.", TYPES)
    order = Choice(
        "`asc`: the oldest first; `desc`: the newest first.", ("asc", "desc"), load_default="desc"
    )


class LogActorSchema(Schema):
    """Who did it."""

    userId = Id("The account's id.", allow_none=True)
    name = Text("The person's name then.", most=200, allow_none=True, example="Ada Lovelace")
    role = Text("The person's role then.", most=64, allow_none=True, example="candidate")


class LogEntrySchema(Schema):
    """Something that happened in an interview."""

    id = Id("The entry's id.", attribute="_id")
    seq = Number("Its place in the interview's log, from 1.", allow_none=True, example=1)
    type = Choice("What kind of thing happened.", TYPES)
    timestamp = Timestamp("When it happened.")
    actor = Part(LogActorSchema, "Who did it, or null.", allow_none=True, dump_default=None)
    data = Json(
        "What happened, by its type; empty where it was erased.",
        most=MAX_BYTES,
        dump_default=dict,
        example={"event": "interview.started"},
    )
    erased = Flag("Whether its content was erased.", dump_default=False)


class LogPageSchema(PageEnvelope):
    logs = ListOf(Part(LogEntrySchema, "An entry."), "The page's entries, in order.", most=200)
