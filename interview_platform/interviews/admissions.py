"""For which parts of an interview's log its candidate was admitted to the room.

What others say while the candidate waits is not for them, neither then nor later. Where an
admission begins and ends is known by the number of the entry that made it so, which holds
whatever the clocks of hosts say, and is written in the same transaction.
"""

from __future__ import annotations

from bson import ObjectId

from ..core.mongo import Document, Session
from ..session_log.service import SessionLog
from .model import Admission
from .repository import InterviewRepository


def recorded_admissions(interview: Document) -> tuple[Admission, ...]:
    """Return the admissions that an interview records, oldest first."""
    return tuple(
        Admission(each["first"], each["until"]) for each in interview.get("candidateAdmissions", ())
    )


def admissions_of(interview: Document, session_log: SessionLog) -> tuple[Admission, ...]:
    """Return the admissions of an interview whose candidate is, or was, let in.

    Of one that was let in before admissions were recorded, or by the replaced service, the
    time tells where it begins.
    """
    recorded = recorded_admissions(interview)
    if recorded:
        return recorded
    interview_id: ObjectId = interview["_id"]
    moments = [interview.get("candidateAdmittedAt"), interview.get("startedAt")]
    known = [moment for moment in moments if moment]
    first = session_log.seq_at(interview_id, min(known)) + 1 if known else 1
    return (Admission(first, None),)


def begin_admission(
    interviews: InterviewRepository, interview: Document, seq: int, session: Session
) -> None:
    """Record, in the transaction of `session`, that entry `seq` admits the candidate."""
    admissions = (*recorded_admissions(interview), Admission(seq, None))
    interviews.set_admissions(interview["_id"], admissions, session)


def end_admission(
    interviews: InterviewRepository, interview: Document, seq: int, session: Session
) -> None:
    """Record, in the transaction of `session`, that entry `seq` ends an admission that holds."""
    *earlier, last = recorded_admissions(interview) or (None,)
    if last is not None and last.until is None:
        interviews.set_admissions(interview["_id"], (*earlier, last._replace(until=seq)), session)
