"""The pool of candidates: making, finding and changing them, and how far each has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bson import ObjectId

from ..audit.service import Audit
from ..auth.accounts import AccountChange, AccountService
from ..auth.model import Actor, Role, UserStatus
from ..auth.ports import Outbox
from ..core.clock import utcnow
from ..core.errors import NotFound
from ..core.mongo import Document, Session, Store, transaction
from ..core.paging import Page, PageRequest
from .model import ACCOUNT_FIELDS, CandidateRef, Criteria, LotStatus, index_terms
from .repository import CandidateProfileRepository, history_entry


class CandidateService:
    """Candidates are an account and a profile each, which change in one transaction."""

    def __init__(
        self,
        store: Store,
        profiles: CandidateProfileRepository,
        accounts: AccountService,
        outbox: Outbox,
        audit: Audit,
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._accounts = accounts
        self._outbox = outbox
        self._audit = audit

    def create(self, actor: Actor, fields: Document) -> tuple[Document, Document]:
        """Create a candidate and return the account and the profile.

        Raises `Conflict` for an e-mail that is known, `Invalid` for a password that must
        not be taken.
        """
        account, profile = split(fields)
        user = self._accounts.prepare(account, Role.CANDIDATE)

        def insert(session: Session) -> tuple[Document, Document, list[ObjectId]]:
            created, messages = self._accounts.add(actor, user, session)
            made = new_profile(actor, created, profile)
            self._profiles.add_many([made], session)
            return created, made, messages

        created, made, messages = transaction(self._store, insert)
        self._outbox.dispatch(messages)
        return created, made

    def page(self, page: PageRequest, filters: Document) -> Page[Document]:
        """Return candidates, newest first; `filters` are those of the repository's page."""
        found = self._profiles.page(page, filters)
        users = self._accounts.by_ids(profile["user"] for profile in found.items)
        # A profile whose account is gone is nobody's.
        known = [profile for profile in found.items if profile["user"] in users]
        return Page([{**users[each["user"]], "profile": each} for each in known], found.next)

    def get(self, candidate_id: ObjectId) -> Document:
        """Return the candidate whose account or profile `candidate_id` names."""
        profile = self._profiles.find(candidate_id)
        user = self._accounts.by_id(profile["user"]) if profile else None
        if user is None:
            raise NotFound
        return {**user, "profile": profile}

    def update(self, actor: Actor, candidate_id: ObjectId, changes: Document) -> Document:
        """Change a candidate's account and profile, by the rules of `AccountService.change`."""
        changed, profile = transaction(
            self._store, lambda session: self._change(actor, candidate_id, changes, session)
        )
        self._accounts.settle(changed)
        return {**changed.user, "profile": profile}

    def count_by_lot_status(self) -> dict[LotStatus, int]:
        """Return how many candidates have come how far."""
        return self._profiles.count_by_lot_status()

    def deactivate(self, actor: Actor, user_id: ObjectId, session: Session) -> AccountChange:
        """Make a candidate's account unusable; `settle` what this returns after the commit."""
        changes = {"status": UserStatus.INACTIVE}
        return self._change(actor, user_id, changes, session)[0]

    def remove_profile(self, user_id: ObjectId, session: Session) -> None:
        """Remove the profile of a candidate, who is in no lot any more."""
        self._profiles.remove(user_id, session)

    def own(self, actor: Actor) -> Document:
        """Return the caller's profile, with the account as its `user`."""
        return _as_own(self.get(actor.user_id))

    def update_own(self, actor: Actor, changes: Document) -> Document:
        """Change what candidates may change of themselves."""
        return _as_own(self.update(actor, actor.user_id, changes))

    def resolve(
        self, ids: Sequence[ObjectId], session: Session | None = None
    ) -> dict[ObjectId, CandidateRef]:
        """Return the candidates that `ids` name, be they ids of accounts or of profiles.

        Ids of nobody are left out.
        """
        return self._profiles.refs(ids, session)

    def set_lot_status(
        self,
        candidate_id: ObjectId,
        to: LotStatus,
        from_states: Iterable[LotStatus],
        actor: Actor,
        session: Session,
    ) -> bool:
        """Bring a candidate who is in one of `from_states` to `to`; False for any other.

        `candidate_id` is the account's or the profile's.
        """
        profiles = [ref.profile_id for ref in self.resolve([candidate_id], session).values()]
        return bool(self._profiles.move(profiles, to, from_states, actor.user_id, session))

    def await_interview(self, user_id: ObjectId, actor: Actor, session: Session) -> None:
        """Note that an interview of the candidate with this account is ahead.

        Whoever has come further, or lacks a profile, stays as they are.
        """
        states = (LotStatus.UNASSIGNED, LotStatus.SHORTLISTED)
        self._profiles.move(
            [user_id], LotStatus.PENDING, states, actor.user_id, session, key="user"
        )

    def shortlist(
        self, profile_ids: Sequence[ObjectId], lot_id: ObjectId, actor: Actor, session: Session
    ) -> None:
        """Shortlist candidates for a lot, but for those whose interview is ahead."""
        self._profiles.hold(profile_ids, session)
        states = set(LotStatus) - {LotStatus.SHORTLISTED, LotStatus.PENDING}
        self._profiles.move(
            profile_ids, LotStatus.SHORTLISTED, states, actor.user_id, session, lot=lot_id
        )

    def hold(self, profile_id: ObjectId, session: Session) -> None:
        """Have no other transaction put the candidate into a lot or out of one meanwhile."""
        self._profiles.hold([profile_id], session)

    def release(
        self, profile_id: ObjectId, lot_id: ObjectId, actor: Actor, session: Session
    ) -> None:
        """Make a candidate who was shortlisted and is in no lot any more unassigned again."""
        self._profiles.move(
            [profile_id],
            LotStatus.UNASSIGNED,
            [LotStatus.SHORTLISTED],
            actor.user_id,
            session,
            lot=lot_id,
        )

    def pool(self, criteria: Criteria) -> Iterator[Document]:
        """Yield the profiles that may be drawn and match `criteria`, by ascending id."""
        return self._profiles.pool(criteria)

    def claim(
        self, profile_ids: Sequence[ObjectId], lot_id: ObjectId, actor: Actor, session: Session
    ) -> bool:
        """Shortlist drawn candidates; False where one of them cannot be had any more."""
        claimed = self._profiles.move(
            profile_ids,
            LotStatus.SHORTLISTED,
            [LotStatus.UNASSIGNED],
            actor.user_id,
            session,
            lot=lot_id,
            eligible=True,
        )
        return claimed == len(profile_ids)

    def account_of(self, candidate_id: ObjectId, session: Session | None = None) -> ObjectId:
        """Return the account of a candidate who may be named by their profile; else the id."""
        ref = self.resolve([candidate_id], session).get(candidate_id)
        return ref.user_id if ref else candidate_id

    def _change(
        self, actor: Actor, candidate_id: ObjectId, changes: Document, session: Session
    ) -> tuple[AccountChange, Document]:
        profile = self._profiles.find(candidate_id, session)
        if profile is None:
            raise NotFound
        account, fields = split(changes)
        changed = self._accounts.change(actor, profile["user"], account, (Role.CANDIDATE,), session)
        after = {**profile, **fields}
        status: LotStatus = after["lotStatus"]
        updated = self._profiles.replace_fields(
            profile["_id"],
            {**fields, "index": index_terms(changed.user, after)},
            session,
            entry=history_entry(status, actor.user_id) if status != profile["lotStatus"] else None,
        )
        self._audit.record(
            "candidate.updated",
            actor=actor.user_id,
            subject=profile["user"],
            details={"fields": sorted(fields)},
            session=session,
        )
        return changed, updated


def split(fields: Document) -> tuple[Document, Document]:
    """Part a candidate's fields into those of the account and those of the profile."""
    account = {name: value for name, value in fields.items() if name in ACCOUNT_FIELDS}
    return account, {name: value for name, value in fields.items() if name not in account}


def new_profile(actor: Actor, user: Document, fields: Document) -> Document:
    """Return the profile of a new candidate, complete but for its id."""
    now = utcnow()
    profile = {
        "user": user["_id"],
        "skills": [],
        "tags": [],
        **fields,
        "lotStatus": LotStatus.UNASSIGNED,
        "lotStatusHistory": [history_entry(LotStatus.UNASSIGNED, actor.user_id)],
        "createdAt": now,
        "updatedAt": now,
    }
    return {**profile, "index": index_terms(user, profile)}


def _as_own(candidate: Document) -> Document:
    user = {name: value for name, value in candidate.items() if name != "profile"}
    return {**candidate["profile"], "user": user}
