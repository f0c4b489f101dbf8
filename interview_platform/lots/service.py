"""Lots: making and changing them, and who is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bson import ObjectId

from ..audit.service import Audit
from ..auth.model import Actor, UserStatus
from ..candidates.service import CandidateService
from ..core.errors import Conflict, Invalid, NotFound
from ..core.mongo import Document, Session, Store, transaction
from ..core.paging import Page, PageRequest
from .model import MAX_CANDIDATES, LotState
from .repository import LotRepository

ARCHIVED = "The lot is archived"
FULL = f"A lot holds at most {MAX_CANDIDATES:,} candidates"


class LotService:
    def __init__(
        self, store: Store, lots: LotRepository, candidates: CandidateService, audit: Audit
    ) -> None:
        self._store = store
        self._lots = lots
        self._candidates = candidates
        self._audit = audit

    def create(self, actor: Actor, fields: Document) -> Document:
        """Create an active lot without candidates."""
        lot = self._lots.add(
            {"criteria": {}, **fields, "status": LotState.ACTIVE, "createdBy": actor.user_id}
        )
        self._audit.record("lot.created", actor=actor.user_id, subject=lot["_id"])
        return lot

    def page(self, page: PageRequest, filters: Document) -> Page[Document]:
        """Return lots, newest first; `filters` are those of the repository's page."""
        return self._lots.page(page, filters)

    def get(self, lot_id: ObjectId) -> Document:
        lot = self._lots.by_id(lot_id)
        if lot is None:
            raise NotFound
        return lot

    def by_ids(self, lot_ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """Return the ids and names of those lots that exist."""
        return self._lots.by_ids(lot_ids)

    def update(self, actor: Actor, lot_id: ObjectId, changes: Document) -> Document:
        """Change a lot's name, description, criteria or state.

        Raises `NotFound`, and `Conflict` for an archived lot and more than its state.
        """

        def change(session: Session) -> Document:
            lot = self._lots.update(lot_id, changes, session)
            if lot is None:
                raise self._refusal(lot_id, session)
            self._audit.record(
                "lot.updated",
                actor=actor.user_id,
                subject=lot_id,
                details={"fields": sorted(changes)},
                session=session,
            )
            return lot

        return transaction(self._store, change)

    def add_candidates(self, actor: Actor, lot_id: ObjectId, ids: Sequence[ObjectId]) -> Document:
        """Put candidates into a lot and shortlist them; return the lot.

        `ids` name accounts or profiles. Raises `Invalid` for an id of nobody or of an
        account that was deactivated, `Conflict` for a lot that is archived or would grow
        too large; then nothing is changed.
        """

        def add(session: Session) -> Document:
            refs = self._candidates.resolve(ids, session)
            faults = [f"No such candidate: {each}." for each in ids if each not in refs]
            faults += [
                f"The account is deactivated: {some_id}."
                for some_id in ids
                if some_id in refs and refs[some_id].status == UserStatus.INACTIVE
            ]
            if faults:
                raise Invalid({"candidateIds": faults})
            profile_ids = list(dict.fromkeys(refs[some_id].profile_id for some_id in ids))
            lot = self._lots.put_in(lot_id, profile_ids, session)
            if lot is None:
                raise self._refusal(lot_id, session)
            if lot["candidateCount"] > MAX_CANDIDATES:
                raise Conflict(FULL)
            self._candidates.shortlist(profile_ids, lot_id, actor, session)
            self._audit.record(
                "lot.candidates-added",
                actor=actor.user_id,
                subject=lot_id,
                details={"candidates": profile_ids},
                session=session,
            )
            return lot

        return transaction(self._store, add)

    def remove_candidate(self, actor: Actor, lot_id: ObjectId, candidate_id: ObjectId) -> None:
        """Take a candidate out of a lot.

        One who was shortlisted and is in no other lot is unassigned again. Raises
        `NotFound`, and `Conflict` for a lot that is archived.
        """

        def remove(session: Session) -> None:
            ref = self._candidates.resolve([candidate_id], session).get(candidate_id)
            if ref is None:
                raise NotFound
            if not self._lots.take_out(lot_id, ref.profile_id, session):
                raise self._refusal(lot_id, session)
            self._candidates.hold(ref.profile_id, session)
            if not self._lots.any_with(ref.profile_id, session):
                self._candidates.release(ref.profile_id, lot_id, actor, session)
            self._audit.record(
                "lot.candidate-removed",
                actor=actor.user_id,
                subject=lot_id,
                details={"candidate": ref.profile_id},
                session=session,
            )

        transaction(self._store, remove)

    def any_with(self, profile_id: ObjectId, session: Session) -> bool:
        """Tell whether a candidate is in any lot."""
        return self._lots.any_with(profile_id, session)

    def names_with(self, profile_id: ObjectId) -> list[Document]:
        """Return the ids and names of the lots that a candidate is in."""
        return self._lots.names_with(profile_id)

    def take_out_of_all(self, profile_id: ObjectId, session: Session) -> None:
        """Take a candidate who is being erased out of every lot."""
        self._lots.take_out_of_all(profile_id, session)

    def _refusal(self, lot_id: ObjectId, session: Session) -> Conflict | NotFound:
        lot = self._lots.by_id(lot_id, session)
        return Conflict(ARCHIVED) if lot and lot["status"] == LotState.ARCHIVED else NotFound()
