"""Collection `interviews`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from ..core.clock import utcnow
from ..core.errors import Conflict
from ..core.mongo import Document, Repository, Session
from ..core.paging import Page, PageRequest
from ..core.security import random_token
from .model import (
    MAX_ADMISSIONS,
    MAX_LENGTH,
    OPEN,
    Admission,
    InterviewStatus,
    Side,
    times_of,
)

# Stands in cursors for the start of an interview that has none; sorts as such ones do.
UNDATED = datetime.min.replace(tzinfo=UTC)

_BY_START = [("schedule.start", DESCENDING), ("_id", DESCENDING)]
_PARTICIPANTS = {
    "status": True,
    "candidate": True,
    "interviewer": True,
    "candidateAdmittedAt": True,
    "candidateAdmissions": True,
}

# What is left of an interview whose candidate is erased: who by id, when, and how it ended.
_SKELETON = frozenset(
    {
        "_id",
        "candidate",
        "interviewer",
        "lot",
        "codingTask",
        "schedule",
        "status",
        "candidateAdmittedAt",
        "startedAt",
        "endedAt",
        "cancelledAt",
        "sealDueAt",
        "logExpiredAt",
        "createdBy",
        "createdAt",
        "updatedAt",
    }
)

# How many interviews are looked after in one go.
_A_FEW = 50

# What narrows a list down, most telling first: each has an index that lists by start.
_INDEXED_FILTERS = ("candidate", "interviewer", "lot", "status")


class InterviewRepository(Repository):
    """Lists go by start; interviews without a schedule come after every other, as the oldest.

    Lists and look-ups of overlaps name their index: each must walk only what it returns.
    """

    COLLECTION = "interviews"
    INDEXES = (
        IndexModel(_BY_START, name="start"),
        *(
            IndexModel([(field, ASCENDING), *_BY_START], name=f"{field}_start")
            for field in _INDEXED_FILTERS
        ),
        IndexModel([("codingTask", ASCENDING)]),
        # Only those whose log has its content still.
        IndexModel(
            [("status", ASCENDING), ("_id", ASCENDING)],
            name="log_kept",
            partialFilterExpression={"logExpiredAt": {"$eq": None}},
        ),
        # Only those whose log is to be sealed: soon, each is out of it again.
        IndexModel([("sealDueAt", ASCENDING)], name="seal_due", sparse=True),
        IndexModel(
            [("meetingRoomId", ASCENDING)],
            # Not the name that Mongoose gives an index of its own on this field.
            name="meeting_room",
            unique=True,
            partialFilterExpression={"meetingRoomId": {"$type": "string"}},
        ),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["candidate", "interviewer", "status"],
        "properties": {
            "candidate": {"bsonType": "objectId"},
            "interviewer": {"bsonType": "objectId"},
            "status": {"enum": [str(status) for status in InterviewStatus]},
            "attentivenessScore": {
                "bsonType": ["number", "null"],
                "minimum": 0,
                "maximum": 100,
            },
        },
    }

    def upgrade(self) -> None:
        """Give each interview but the newest of those that share a meeting room one of its own."""
        shared = self._collection.aggregate(
            [
                {"$match": {"meetingRoomId": {"$type": "string"}}},
                {"$sort": {"_id": DESCENDING}},
                {"$group": {"_id": "$meetingRoomId", "interviews": {"$push": "$_id"}}},
                {"$match": {"interviews.1": {"$exists": True}}},
            ]
        )
        for room in shared:
            for interview_id in room["interviews"][1:]:
                self._collection.update_one(
                    {"_id": interview_id}, {"$set": {"meetingRoomId": random_token()}}
                )

    def add(self, interview: Document, session: Session) -> Document:
        """Insert `interview` with its times; raises `Conflict` for a room that another has."""
        now = utcnow()
        document = {**interview, "createdAt": now, "updatedAt": now}
        try:
            self._collection.insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise _room_taken() from error
        return document

    def by_id(self, interview_id: ObjectId, session: Session | None = None) -> Document | None:
        return self._collection.find_one({"_id": interview_id}, session=session)

    def participants(self, interview_id: ObjectId) -> Document | None:
        """Return the interview's state and people alone."""
        return self._collection.find_one({"_id": interview_id}, _PARTICIPANTS)

    def participants_by_ids(self, interview_ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """Return the state and people of each of the interviews that exist, by id."""
        found = self._collection.find({"_id": {"$in": list(interview_ids)}}, _PARTICIPANTS)
        return {interview["_id"]: interview for interview in found}

    def page(
        self,
        page: PageRequest,
        match: Mapping[str, Any],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        ascending: bool = False,
    ) -> Page[Document]:
        """Return interviews by start, the latest first unless `ascending`.

        Those that match and begin at `since` or later, and before `until`.
        """
        order = ASCENDING if ascending else DESCENDING
        bounds = {"$gte": since, "$lt": until}
        starts = {bound: moment for bound, moment in bounds.items() if moment}
        query: Document = {**match, **({"schedule.start": starts} if starts else {})}
        if page.after:
            query = {"$and": [query, _beyond(*page.after, ascending=ascending)]}
        narrowest = next((field for field in _INDEXED_FILTERS if field in match), None)
        found = (
            self._collection.find(query)
            .sort([("schedule.start", order), ("_id", order)])
            .hint(f"{narrowest}_start" if narrowest else "start")
            .limit(page.limit + 1)
        )
        return Page.cut(list(found), page.limit, _position)

    def overlapping(
        self,
        side: Side,
        user_id: ObjectId,
        start: datetime,
        end: datetime,
        *,
        besides: ObjectId | None,
        session: Session,
    ) -> Document | None:
        """Return an open interview of the person that shares time with `start` up to `end`."""
        return self._collection.find_one(
            {
                side: user_id,
                # None is longer, so that the index leads straight to those nearby.
                "schedule.start": {"$gt": start - MAX_LENGTH, "$lt": end},
                "schedule.end": {"$gt": start},
                "status": {"$in": OPEN},
                "_id": {"$ne": besides},
            },
            hint=f"{side}_start",
            session=session,
        )

    def transition(
        self,
        interview_id: ObjectId,
        from_status: InterviewStatus,
        changes: Mapping[str, Any],
        session: Session,
    ) -> Document:
        """Set `changes` on an interview that is in `from_status`, and return it as it is then.

        Raises `Conflict` where it is in another state, and for a room that another has.
        """
        try:
            # Update and read, since a find-and-modify looks its document up more slowly.
            updated = self._collection.update_one(
                {"_id": interview_id, "status": from_status},
                {"$set": {**changes, "updatedAt": utcnow()}},
                session=session,
            )
        except DuplicateKeyError as error:
            raise _room_taken() from error
        after = self.by_id(interview_id, session) if updated.matched_count else None
        if after is None:
            raise Conflict(f"The interview is not {from_status}")
        return after

    def let_in(self, interview_id: ObjectId, now: datetime, session: Session) -> bool:
        """Note that the candidate is let in; False where that was so before."""
        updated = self._collection.update_one(
            {"_id": interview_id, "candidateAdmittedAt": None},
            {"$set": {"candidateAdmittedAt": now}},
            session=session,
        )
        return updated.modified_count == 1

    def set_admissions(
        self, interview_id: ObjectId, admissions: Sequence[Admission], session: Session
    ) -> None:
        """Replace the candidate's admissions, oldest first; the latest `MAX_ADMISSIONS` stay."""
        kept = [
            {"first": admission.first, "until": admission.until}
            for admission in admissions[-MAX_ADMISSIONS:]
        ]
        self._collection.update_one(
            {"_id": interview_id}, {"$set": {"candidateAdmissions": kept}}, session=session
        )

    def due_for_sealing(self, now: datetime) -> list[Document]:
        """Return interviews whose log is to be sealed by now, a few of the longest due."""
        due = {"sealDueAt": {"$gt": UNDATED, "$lte": now}}
        return list(self._collection.find(due).sort("sealDueAt").hint("seal_due").limit(_A_FEW))

    def note_sealed(self, interview_id: ObjectId) -> None:
        """Note that the interview's log is sealed; again, changes nothing."""
        self._collection.update_one({"_id": interview_id}, {"$unset": {"sealDueAt": ""}})

    def with_log_kept(
        self, status: InterviewStatus, after: ObjectId | None, before: datetime
    ) -> list[Document]:
        """Return a few interviews made before `before` whose log has its content, by id.

        Those in `status`, after the one of id `after`.
        """
        ids = {"$lt": ObjectId.from_datetime(before)} | ({"$gt": after} if after else {})
        query = {"status": status, "logExpiredAt": None, "_id": ids}
        found = self._collection.find(query).sort("_id", ASCENDING).hint("log_kept")
        return list(found.limit(_A_FEW))

    def note_log_expired(self, interview_id: ObjectId) -> None:
        """Note that the interview's log was kept for its time."""
        self._collection.update_one({"_id": interview_id}, {"$set": {"logExpiredAt": utcnow()}})

    def of_candidate(self, candidate_id: ObjectId) -> list[Document]:
        """Return every interview of a candidate, the latest first."""
        found = self._collection.find({"candidate": candidate_id}, hint="candidate_start")
        return list(found.sort(_BY_START))

    def has_outcome(self, interview: Document) -> bool:
        """Tell whether an interview has fields that `strip` takes out."""
        return not _SKELETON.issuperset(interview)

    def cancel_open(self, candidate_id: ObjectId, session: Session) -> None:
        """Cancel the interviews of a candidate that are ahead or under way."""
        now = utcnow()
        self._collection.update_many(
            {"candidate": candidate_id, "status": {"$in": OPEN}},
            {
                "$set": {
                    "status": InterviewStatus.CANCELLED,
                    "cancelledAt": now,
                    "sealDueAt": now,
                    "updatedAt": now,
                }
            },
            hint="candidate_start",
            session=session,
        )

    def strip(self, interview: Document) -> None:
        """Take out of an interview whatever is not in `_SKELETON`, fields of older services too."""
        more = {field: "" for field in interview if field not in _SKELETON}
        if more:
            self._collection.update_one(
                {"_id": interview["_id"]}, {"$unset": more, "$set": {"updatedAt": utcnow()}}
            )

    def has_open(self, candidate_id: ObjectId, session: Session) -> bool:
        """Tell whether an interview of the candidate is ahead or under way."""
        found = self._collection.find_one(
            {"candidate": candidate_id, "status": {"$in": OPEN}},
            {"_id": True},
            hint="candidate_start",
            session=session,
        )
        return found is not None

    def count_by_status(self) -> dict[InterviewStatus, int]:
        """Return how many interviews are in each state."""
        found = self._collection.aggregate(
            [
                # All of them: named so that the index answers, and no interview is read.
                {"$match": {"status": {"$in": list(InterviewStatus)}}},
                {"$group": {"_id": "$status", "count": {"$sum": 1}}},
            ]
        )
        counts = {group["_id"]: group["count"] for group in found}
        return {status: counts.get(status, 0) for status in InterviewStatus}

    def count_by_day(self, since: datetime, until: datetime) -> dict[tuple[str, str], int]:
        """Return how many interviews begin on each day from `since` up to `until`, by state.

        Days are those of UTC, as `2026-03-02`; without any interview, they are left out.
        """
        day = {"$dateToString": {"date": "$schedule.start", "format": "%Y-%m-%d"}}
        found = self._collection.aggregate(
            [
                {"$match": {"schedule.start": {"$gte": since, "$lt": until}}},
                {"$group": {"_id": {"day": day, "status": "$status"}, "count": {"$sum": 1}}},
            ]
        )
        return {(group["_id"]["day"], group["_id"]["status"]): group["count"] for group in found}

    def live(self, limit: int) -> list[Document]:
        """Return the interviews that are under way, by start, `limit` of the latest at most."""
        found = self._collection.find(
            {"status": InterviewStatus.LIVE},
            {"candidate": True, "interviewer": True, "schedule": True, "startedAt": True},
        )
        return list(found.sort(_BY_START).hint("status_start").limit(limit))

    def load(self, since: datetime, until: datetime, limit: int) -> list[Document]:
        """Return `{_id, interviews, minutes}` of `limit` interviewers, the busiest first.

        Counted are the interviews that begin from `since` up to `until` and are not
        cancelled; minutes are those that they are scheduled for.
        """
        start = "$schedule.start"
        length = {"$subtract": [{"$ifNull": ["$schedule.end", start]}, start]}
        found = self._collection.aggregate(
            [
                {
                    "$match": {
                        "schedule.start": {"$gte": since, "$lt": until},
                        "status": {"$ne": InterviewStatus.CANCELLED},
                    }
                },
                {
                    "$group": {
                        "_id": "$interviewer",
                        "interviews": {"$sum": 1},
                        "milliseconds": {"$sum": length},
                    }
                },
                {"$sort": {"milliseconds": DESCENDING, "_id": ASCENDING}},
                {"$limit": limit},
            ],
            hint="start",
        )
        return [
            {
                "_id": group["_id"],
                "interviews": group["interviews"],
                "minutes": group["milliseconds"] // 60_000,
            }
            for group in found
        ]

    def uses_coding_task(self, task_id: ObjectId, session: Session) -> bool:
        """Tell whether an interview refers to the task."""
        found = self._collection.find_one({"codingTask": task_id}, {"_id": True}, session=session)
        return found is not None


def _position(interview: Document) -> tuple[datetime, ObjectId]:
    times = times_of(interview)
    return times[0] if times else UNDATED, interview["_id"]


def _beyond(start: datetime, interview_id: ObjectId, *, ascending: bool) -> Document:
    """Return what follows a place in the list, bounded so that the index leads there."""
    if start == UNDATED and ascending:
        return {"$or": [{"schedule.start": {"$ne": None}}, {"_id": {"$gt": interview_id}}]}
    if start == UNDATED:
        return {"schedule.start": None, "_id": {"$lt": interview_id}}
    later, step = ({"$gte": start}, "$gt") if ascending else ({"$not": {"$gt": start}}, "$lt")
    ties = [{"schedule.start": {"$ne": start}}, {"_id": {step: interview_id}}]
    return {"schedule.start": later, "$or": ties}


def _room_taken() -> Conflict:
    message = "Another interview has this meeting room"
    return Conflict(message, {"meetingRoomId": [f"{message}."]})
