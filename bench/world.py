"""The same people and interviews for both sides, written into their databases directly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import bcrypt
from bson import ObjectId
from pymongo.database import Database

Document = dict[str, Any]

PASSWORD = "four grey pelicans"
HASH_COST = 10

# Older than anything that a run brings about.
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
FUTURE = NOW.replace(minute=0, second=0) + timedelta(days=30)

SKILLS = ("python", "svelte", "sql", "redis", "graphs", "testing")


@dataclass
class World:
    """`people` candidates and as many interviewers, one admin, `scheduled` interviews to come
    and `live` ones under way, written as the replaced service wrote them."""

    people: int = 50
    scheduled: int = 0
    live: int = 0
    admin: Document = field(init=False)
    interviewers: Sequence[Document] = field(init=False)
    candidates: Sequence[Document] = field(init=False)
    task: Document = field(init=False)
    rooms: list[Document] = field(init=False)

    def __post_init__(self) -> None:
        salt = bcrypt.gensalt(HASH_COST)
        self._hash = bcrypt.hashpw(PASSWORD.encode(), salt).decode()
        self.admin = self._user("admin", 0)
        self.interviewers = [self._user("interviewer", n) for n in range(self.people)]
        self.candidates = [self._user("candidate", n) for n in range(self.people)]
        self.task = document(
            title="Longest common prefix",
            description="Of a list of words, in any language.",
            starterCode="",
            language="svelte",
            difficulty="medium",
            tags=["strings"],
        )
        self.rooms = [self._interview(n, "live", NOW, startedAt=NOW) for n in range(self.live)]

    def write(self, database: Database[Document]) -> None:
        """Write all of it into an empty database."""
        profiles = [profile_of(user["_id"], n) for n, user in enumerate(self.candidates)]
        lot = document(
            name="Spring",
            criteria={"experienceMin": 1, "skills": ["python"]},
            candidates=[profile["_id"] for profile in profiles],
            status="active",
            createdBy=self.admin["_id"],
        )
        scheduled = [
            self._interview(n, "scheduled", FUTURE + timedelta(hours=n), lot=lot["_id"])
            for n in range(self.scheduled)
        ]
        database["users"].insert_many([self.admin, *self.interviewers, *self.candidates])
        database["candidateprofiles"].insert_many(profiles)
        database["lots"].insert_one(lot)
        database["codingtasks"].insert_one(self.task)
        if interviews := [*self.rooms, *scheduled]:
            database["interviews"].insert_many(interviews)

    def booking(self, number: int) -> dict[str, Any]:
        """Return the body that schedules one more interview; no two of them are in the way."""
        pair, week = number % self.people, number // self.people
        start = FUTURE + timedelta(days=60, hours=week)
        return {
            "candidateId": str(self.candidates[pair]["_id"]),
            "interviewerId": str(self.interviewers[pair]["_id"]),
            "codingTaskId": str(self.task["_id"]),
            "schedule": {
                "start": start.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "end": (start + timedelta(minutes=45)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            },
        }

    def _user(self, role: str, number: int) -> Document:
        return document(
            name=f"{role.title()} {number}",
            email=f"{role}{number}@example.com",
            passwordHash=self._hash,
            role=role,
            status="active",
        )

    def _interview(self, number: int, status: str, start: datetime, **fields: Any) -> Document:
        return document(
            candidate=self.candidates[number % self.people]["_id"],
            interviewer=self.interviewers[number % self.people]["_id"],
            codingTask=self.task["_id"],
            meetingRoomId=f"room-{number}",
            schedule={
                "start": start,
                "end": start + timedelta(days=1 if status == "live" else 0.03),
            },
            status=status,
            createdBy=self.admin["_id"],
            **fields,
        )


def profile_of(user_id: ObjectId, number: int) -> Document:
    """Return the profile of a candidate; `number` tells it from others."""
    return document(
        user=user_id,
        resumeUrl=f"https://example.com/resumes/{number}.pdf",
        experienceYears=number % 12,
        skills=[SKILLS[number % 6], SKILLS[(number + 1) % 6], SKILLS[(number + 3) % 6]],
        tags=["spring"],
        notes="Came recommended; asked for a remote interview.",
        lotStatus="unassigned",
    )


def document(**fields: Any) -> Document:
    """Return a document as Mongoose with `timestamps` writes it."""
    return {"_id": ObjectId(), **fields, "createdAt": NOW, "updatedAt": NOW, "__v": 0}
