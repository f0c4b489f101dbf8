"""Erasing a candidate: every step may be taken again, and the last one ends it.

The first step is a mark on the account, which nobody can use from then on. Whoever finds
the mark a while later goes on: the worker's sweep does. What the steps need to find things
by, the account's e-mail address, goes last of all with the account itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from bson import ObjectId
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from ..audit.service import ERASED, Audit
from ..auth.accounts import AccountChange, AccountService
from ..auth.model import Actor
from ..auth.personal import AccountData
from ..candidates.service import CandidateService
from ..core.addresses import email_forms
from ..core.clock import utcnow
from ..core.errors import Conflict, Invalid, NotFound, ServiceError
from ..core.mongo import Document, Session, Store, transaction
from ..editor.service import EditorService
from ..interviews.personal import InterviewData
from ..lots.service import LotService
from ..notifications.service import NotificationService
from ..telemetry.personal import TelemetryData
from .repository import ErasureRepository

log = logging.getLogger(__name__)

REWRITTEN_AFTER = timedelta(seconds=30)
"""After an erasure, Redis's files are rewritten; whoever is erased within this time shares it."""

# Stands for the e-mail address of an account that is gone; nothing is kept under it.
NO_ADDRESS = ""


class ErasureService:
    """`forget_room` has the video server's room of a name be nobody's."""

    def __init__(
        self,
        store: Store,
        accounts: AccountService,
        account_data: AccountData,
        candidates: CandidateService,
        lots: LotService,
        notifications: NotificationService,
        interviews: InterviewData,
        editor: EditorService,
        telemetry: TelemetryData,
        audit: Audit,
        erasures: ErasureRepository,
        forget_room: Callable[[str], None],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._account_data = account_data
        self._candidates = candidates
        self._lots = lots
        self._notifications = notifications
        self._interviews = interviews
        self._editor = editor
        self._telemetry = telemetry
        self._audit = audit
        self._erasures = erasures
        self._forget_room = forget_room

    def erase(self, actor: Actor, candidate_id: ObjectId, confirmed: str) -> None:
        """Erase all that is kept of a candidate, who is named by account or profile.

        `confirmed` must be their e-mail address. Raises `NotFound`, `Invalid` for another
        address, and `Conflict` while an interview of theirs is ahead or under way. Whatever
        else it raises, the erasure has begun by then and the sweep ends it.
        """
        user_id = self._candidates.get(candidate_id)["profile"]["user"]

        def begin(session: Session) -> tuple[Document, AccountChange | None]:
            # Booked, so that no interview is scheduled in the same moment.
            user = self._accounts.book([user_id], session).get(user_id)
            if user is None:
                raise NotFound
            if user["email"] not in email_forms(confirmed):
                raise Invalid({"confirm": ["Not the candidate's e-mail address."]})
            if user.get("erasure"):
                return user, None
            if self._interviews.has_open(user_id, session):
                raise Conflict("An interview of the candidate is ahead or under way")
            changed = self._candidates.deactivate(actor, user_id, session)
            self._account_data.mark_for_erasure(user_id, actor.user_id, session)
            return {**user, "erasure": {"by": actor.user_id}}, changed

        user, changed = transaction(self._store, begin)
        if changed:
            self._accounts.settle(changed)
        self._finish(user)

    def sweep(self) -> int:
        """Go on with erasures that have broken off; returns how many ended."""
        count = 0
        while user := self._account_data.take_broken_off():
            try:
                self._finish(user)
            except (PyMongoError, RedisError, ServiceError) as error:
                # Marked still, so a later sweep tries again.
                log.warning("the erasure of %s is put off: %s", user["_id"], type(error).__name__)
            else:
                count += 1
        return count

    def apply_again(self) -> int:
        """Erase those again who were erased and are back, as after a backup was restored.

        Returns how many. An interview of theirs that the backup has as ahead or under way is
        cancelled. An erasure that breaks off is logged and left to the sweep.
        """
        count = 0
        for erasure in self._erasures.all():
            user_id = erasure["_id"]
            if not self._is_back(user_id):
                continue
            log.warning("candidate %s was erased, is back, and is erased again", user_id)
            try:
                self._erase_again(user_id, erasure.get("by"))
            except (PyMongoError, RedisError, ServiceError) as error:
                log.warning("the erasure of %s is put off: %s", user_id, type(error).__name__)
            else:
                count += 1
        return count

    def _is_back(self, user_id: ObjectId) -> bool:
        """Tell whether anything is kept of somebody that their erasure had removed."""
        return (
            self._account_data.exists(user_id)
            or bool(self._candidates.resolve([user_id]))
            or self._notifications.has_any(user_id)
            or self._audit.has_addresses(user_id)
            or any(map(self._has_content, self._interviews.of_candidate(user_id)))
        )

    def _has_content(self, interview: Document) -> bool:
        interview_id = interview["_id"]
        return (
            self._interviews.has_content(interview)
            or self._editor.has_any(interview_id)
            or self._telemetry.has_any(interview_id)
        )

    def _erase_again(self, user_id: ObjectId, by: ObjectId | None) -> None:
        def begin(session: Session) -> None:
            self._account_data.mark_for_erasure(user_id, by, session)
            self._interviews.cancel_open(user_id, session)

        transaction(self._store, begin)
        user = self._account_data.find(user_id) or {"_id": user_id, "email": NO_ADDRESS}
        self._finish({**user, "erasure": {"by": by}}, again=True)

    def _finish(self, user: Document, *, again: bool = False) -> None:
        user_id, email = user["_id"], user["email"]
        interviews = self._interviews.of_candidate(user_id)
        for interview in interviews:
            self._erase_interview(interview)
        self._notifications.remove(user_id, email, [each["_id"] for each in interviews])
        self._account_data.forget_attempts(email)

        def end(session: Session) -> None:
            profile_id = None
            for ref in self._candidates.resolve([user_id], session).values():
                profile_id = ref.profile_id
                self._lots.take_out_of_all(profile_id, session)
            self._candidates.remove_profile(user_id, session)
            # Together with the entry that says why they are gone.
            self._audit.forget_addresses(user_id, session)
            by = user["erasure"]["by"]
            due = utcnow() + REWRITTEN_AFTER
            self._erasures.add(user_id, profile_id, by, due, session)
            if self._account_data.remove(user_id, session) or again:
                self._audit.record(ERASED, actor=by, subject=user_id, session=session)

        transaction(self._store, end)
        log.info("candidate %s is erased", user_id)

    def _erase_interview(self, interview: Document) -> None:
        interview_id = interview["_id"]
        self._interviews.erase_log(interview)
        # After the log, out of which either could be made anew.
        self._editor.erase(interview_id)
        self._telemetry.erase(interview_id)
        if room := interview.get("meetingRoomId"):
            self._forget_room(room)
        self._interviews.erase_outcome(interview)
