"""All that interviews hold of their candidate: told to them, and erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bson import ObjectId

from ..core.mongo import Document, Session
from ..session_log.service import SessionLog
from .admissions import admissions_of
from .model import OPEN, Admission, InterviewStatus, ended_at
from .presence import Presence
from .repository import InterviewRepository
from .sealing import SealingService


class InterviewData:
    def __init__(
        self,
        interviews: InterviewRepository,
        sealing: SealingService,
        session_log: SessionLog,
        presence: Presence,
    ) -> None:
        self._interviews = interviews
        self._sealing = sealing
        self._session_log = session_log
        self._presence = presence

    def of_candidate(self, user_id: ObjectId) -> list[Document]:
        """Return every interview of a candidate, the latest first, as it is kept."""
        return self._interviews.of_candidate(user_id)

    def was_held(self, interview: Document) -> bool:
        """Tell whether an interview is over, and the candidate was in its room."""
        status = InterviewStatus(interview["status"])
        return status is InterviewStatus.COMPLETED or (
            status not in OPEN and interview.get("candidateAdmittedAt") is not None
        )

    def admissions(self, interview: Document) -> tuple[Admission, ...]:
        """Return for which parts of its log the candidate of a held interview was admitted."""
        return admissions_of(interview, self._session_log)

    def has_open(self, user_id: ObjectId, session: Session) -> bool:
        """Tell whether an interview of the candidate is ahead or under way."""
        return self._interviews.has_open(user_id, session)

    def erase_log(self, interview: Document) -> None:
        """Take what was said and done out of the log of an interview that is over.

        And what Redis has of who was there. The log is sealed first if it is not, so its
        receipt holds. Raises `Unavailable` where it cannot be sealed yet, and redis-py's
        errors.
        """
        self._presence.forget(interview["_id"])
        self._sealing.seal(interview)
        self._session_log.erase(interview["_id"])

    def has_content(self, interview: Document) -> bool:
        """Tell whether an interview, or its log, has more than erasing leaves of it."""
        return self._interviews.has_outcome(interview) or self._session_log.has_content(
            interview["_id"]
        )

    def cancel_open(self, user_id: ObjectId, session: Session) -> None:
        """Cancel the interviews of a candidate that are ahead or under way; nobody is told."""
        self._interviews.cancel_open(user_id, session)

    def over_before(self, moment: datetime) -> Iterator[Document]:
        """Yield the interviews that ended before `moment` and whose log has its content still."""
        for status in InterviewStatus:
            after = None
            while status not in OPEN and (
                some := self._interviews.with_log_kept(status, after, moment)
            ):
                yield from (each for each in some if ended_at(each) < moment)
                after = some[-1]["_id"]

    def note_log_expired(self, interview_id: ObjectId) -> None:
        """Note that the content of a log was erased for its age."""
        self._interviews.note_log_expired(interview_id)

    def erase_outcome(self, interview: Document) -> None:
        """Leave of an interview that is over whose it was and when, not what came of it."""
        self._interviews.strip(interview)
