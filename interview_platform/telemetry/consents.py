"""What candidates agree to: asked for first, kept in the log, and taken back at any time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from bson import ObjectId

from ..auth.model import Actor, Role
from ..core.clock import utcnow
from ..core.errors import Forbidden
from ..core.mongo import Document, Session, Store, transaction
from ..session_log.service import Event, SessionLog, log_actor
from .consent_text import CONSENT_VERSION
from .model import Consent
from .repository import ConsentRepository

Announce = Callable[[str, str], None]


class ConsentService:
    """A change is announced to every process under `TOPIC`, with the interview's id.

    Only a hint: who collects also asks again every few seconds.
    """

    TOPIC = "consent-changed"

    def __init__(
        self,
        store: Store,
        consents: ConsentRepository,
        session_log: SessionLog,
        announce: Announce,
    ) -> None:
        self._store = store
        self._consents = consents
        self._log = session_log
        self._announce = announce

    def give(self, actor: Actor, interview_id: ObjectId, *, gaze: bool, recording: bool) -> Consent:
        """Keep what the candidate of an interview agrees to, and return it.

        To be called for an interview that the actor takes part in. The same answer to the
        same text again changes nothing. Raises `Forbidden` for anybody but a candidate,
        and `Conflict` where the log is sealed.
        """
        if actor.role is not Role.CANDIDATE:
            raise Forbidden("Only the candidate can consent")

        def give(session: Session) -> tuple[Consent, bool]:
            before = _consent(self._consents.by_id(interview_id, session))
            if before and _answer(before) == (gaze, recording, CONSENT_VERSION):
                return before, False
            consent = Consent(
                interview_id=interview_id,
                candidate_id=actor.user_id,
                gaze=gaze,
                recording=recording,
                version=CONSENT_VERSION,
                at=utcnow(),
                seq=0,
            )
            event = _event(actor, before, consent)
            ((seq, entry_id),) = self._log.append_in(session, interview_id, [event])
            consent = replace(consent, seq=seq)
            self._consents.put(interview_id, _document(consent), session)
            return replace(consent, entry_id=entry_id), True

        consent, changed = transaction(self._store, give)
        if changed:
            self._announce(self.TOPIC, str(interview_id))
        return consent

    def current(self, interview_id: ObjectId) -> Consent | None:
        """Return what the candidate agrees to now; None where they were not asked yet."""
        return _consent(self._consents.by_id(interview_id))

    def current_by_ids(self, interview_ids: Collection[ObjectId]) -> dict[ObjectId, Consent]:
        """Return what holds in each of the interviews whose candidate was asked."""
        found = map(_consent, self._consents.by_ids(interview_ids))
        return {consent.interview_id: consent for consent in found if consent}


def _event(actor: Actor, before: Consent | None, consent: Consent) -> Event:
    """Return what the log says of it: withdrawn where something is agreed to no more, or nothing.

    Its time is that of the entry.
    """
    taken_back = before is not None and (
        (before.gaze and not consent.gaze) or (before.recording and not consent.recording)
    )
    withdrawn = taken_back or not (consent.gaze or consent.recording)
    data = {
        "event": "consent.withdrawn" if withdrawn else "consent.given",
        "gaze": consent.gaze,
        "recording": consent.recording,
        "version": consent.version,
    }
    return Event("system", log_actor(actor), data, consent.at)


def _answer(consent: Consent) -> tuple[bool, bool, str]:
    return consent.gaze, consent.recording, consent.version


def _document(consent: Consent) -> Document:
    return {
        "candidate": consent.candidate_id,
        "gaze": consent.gaze,
        "recording": consent.recording,
        "version": consent.version,
        "at": consent.at,
        "seq": consent.seq,
    }


def _consent(document: Document | None) -> Consent | None:
    if document is None:
        return None
    return Consent(
        interview_id=document["_id"],
        candidate_id=document["candidate"],
        gaze=document["gaze"],
        recording=document["recording"],
        version=document["version"],
        at=document["at"],
        seq=document["seq"],
    )
