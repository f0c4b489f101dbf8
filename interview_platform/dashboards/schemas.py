"""What the dashboard looks like on the wire."""

from __future__ import annotations

from ..auth.model import Role
from ..core.fields import Decimal, Flag, Id, ListOf, Number, Part, Timestamp
from ..core.schemas import Schema
from ..core.text_fields import Choice, Text
from .live import LEVELS, Trouble
from .service import DAYS, MAX_INTERVIEWERS, MAX_LIVE

# Admins may look into a room in any number; more than this is nobody's interview.
MAX_PEOPLE = 1_000


class PipelineSchema(Schema):
    """How many candidates have come how far."""

    unassigned = Number("Candidates whom no lot has.", example=120)
    shortlisted = Number("Candidates in a lot.", example=24)
    pending = Number("Candidates with an interview ahead or under way.", example=9)
    interviewed = Number("Candidates who were interviewed.", example=31)
    rejected = Number("Candidates who were rejected.", example=14)
    hired = Number("Candidates who were hired.", example=5)


class InterviewCountsSchema(Schema):
    """How many interviews are in each state."""

    scheduled = Number("Interviews that are ahead.", example=9)
    live = Number("Interviews that are under way.", example=2)
    completed = Number("Interviews that have ended.", example=31)
    cancelled = Number("Interviews that were cancelled.", example=3)


class DaySchema(InterviewCountsSchema):
    """How many interviews begin on a day, by state."""

    date = Text("The day, in UTC.", most=10, example="2026-03-02")


class InterviewFiguresSchema(Schema):
    """How many interviews there are."""

    byStatus = Part(InterviewCountsSchema, "All interviews, by state.")
    byDay = ListOf(
        Part(DaySchema, "The interviews that begin on a day."),
        f"The interviews of today and of the {DAYS} days before and after, by day.",
        most=2 * DAYS + 1,
    )


class RecentAttentionSchema(Schema):
    """How attentive the candidate was over the last minute."""

    score = Decimal(
        "The share of attention in percent; null where too little was measured.",
        least=0,
        most=100,
        allow_none=True,
        example=92.5,
    )
    status = Choice("Whether enough was measured for a score.", ("ok", "insufficient_data"))
    coverage = Decimal("The share of the minute that was measured.", least=0, most=1, example=0.97)


class LivePersonSchema(Schema):
    """Somebody who is in an interview's room, or is missing there."""

    userId = Id("The account's id.")
    name = Text("The person's name.", most=200, allow_none=True, example="Ada Lovelace")
    role = Choice("The person's role.", Role)
    present = Flag("Whether a socket of theirs is in the room.", example=True)
    waiting = Flag("Whether they are not let in yet.", example=False)
    since = Timestamp("When they came in; null where they are missing.", allow_none=True)
    connection = Choice(
        "How good their connection is by what their clients say, the worst of them; or null.",
        LEVELS,
        allow_none=True,
        example="good",
    )
    editsPerMinute = Number("How many edits of the code they made in the last minute.", example=84)
    trouble = Choice("What is wrong with their connection, or null.", Trouble, allow_none=True)


class LiveInterviewSchema(Schema):
    """An interview that is under way."""

    id = Id("The interview's id.")
    startedAt = Timestamp("When it was started.", allow_none=True)
    scheduledEnd = Timestamp("When it is to end; null in some older interviews.", allow_none=True)
    minutesOver = Number("For how many whole minutes it should have ended.", example=4)
    editsPerMinute = Number("How many edits of the code came in the last minute.", example=97)
    attention = Part(RecentAttentionSchema, "The candidate's attention over the last minute.")
    people = ListOf(
        Part(LivePersonSchema, "Somebody who is in the room, or is missing there."),
        "The candidate and the interviewer, then whoever else is in the room.",
        most=MAX_PEOPLE,
    )
    trouble = Flag("Whether somebody is missing or has a poor connection.", example=False)


class NotificationCountsSchema(Schema):
    """How many notifications of the last 7 days are in each state."""

    pending = Number("Notifications that wait for the queue.", example=0)
    queued = Number("Notifications that wait for the worker, or for another try.", example=1)
    sent = Number("Notifications that a provider has taken.", example=57)
    failed = Number("Notifications that could not be sent, or were overtaken.", example=2)
    delivered = Number("Notifications that a provider has confirmed.", example=40)


class QueueSchema(Schema):
    """The worker's queue; nulls while Redis is away."""

    depth = Number("How many jobs wait.", allow_none=True, example=3)
    oldestAge = Number(
        "For how many seconds the job at its head has waited; 0 without one.",
        allow_none=True,
        example=1,
    )


class InterviewerSchema(Schema):
    """Who an interviewer is."""

    id = Id("The account's id.")
    name = Text(
        "The person's name; null where the account is gone.",
        most=200,
        allow_none=True,
        example="Grace Hopper",
    )


class LoadSchema(Schema):
    """How much an interviewer has to do this week."""

    interviewer = Part(InterviewerSchema, "Who it is.")
    interviews = Number("Interviews that begin this week and are not cancelled.", example=6)
    minutes = Number("The minutes that these are scheduled for.", example=360)


class DashboardSchema(Schema):
    """How the service's work stands."""

    pipeline = Part(PipelineSchema, "How many candidates have come how far.")
    interviews = Part(InterviewFiguresSchema, "How many interviews there are.")
    live = ListOf(
        Part(LiveInterviewSchema, "An interview that is under way."),
        "The interviews that are under way, the latest scheduled first.",
        most=MAX_LIVE,
    )
    notifications = Part(
        NotificationCountsSchema, "The notifications of the last 7 days, by state."
    )
    queue = Part(QueueSchema, "The worker's queue.")
    interviewerLoad = ListOf(
        Part(LoadSchema, "How much an interviewer has to do."),
        "The interviewers of this week, Monday to Sunday in UTC, the busiest first.",
        most=MAX_INTERVIEWERS,
    )
