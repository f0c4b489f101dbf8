"""Collections `users`, `sessions` and `onetimetokens`."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from ..core.addresses import canonical_email, email_forms, lower_email
from ..core.clock import EPOCH, utcnow
from ..core.errors import Conflict
from ..core.mongo import Document, Repository, Session
from ..core.paging import Page, PageRequest
from ..core.security import PLAIN_SCHEME, PasswordHash
from .model import Role, UserStatus
from .rotation import MAX_RETIRED

# What leaves the repository unless a password is to be checked: a hash never does by accident.
_PUBLIC = {"passwordHash": False, "passwordScheme": False}
_BRIEF = {"name": True, "email": True}
# What of a session says who its bearer is.
_IDENTITY = {"user": True, "role": True, "name": True, "expiresAt": True}
# What of sessions and links is for their owner to know: when, and never what they prove.
_SESSION_TIMES = {"_id": False, "createdAt": True, "rotatedAt": True, "expiresAt": True}
_LINK_TIMES = {"_id": False, "purpose": True, "createdAt": True, "expiresAt": True}
_ERASURE_DUE = "erasure_due"
_UPGRADED_AT_ONCE = 1000

log = logging.getLogger(__name__)


class UserRepository(Repository):
    COLLECTION = "users"
    _BY_ROLE = [("role", ASCENDING), ("_id", DESCENDING)]
    INDEXES = (
        IndexModel([("email", ASCENDING)], unique=True),
        IndexModel(_BY_ROLE),
        # Only those who are being erased.
        IndexModel([("erasure.dueAt", ASCENDING)], name=_ERASURE_DUE, sparse=True),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["email", "role"],
        "properties": {
            "email": {"bsonType": "string"},
            "role": {"enum": [str(role) for role in Role]},
            "status": {"enum": [str(status) for status in UserStatus]},
        },
    }

    def upgrade(self) -> None:
        """Bring e-mail addresses and states of older documents into today's form.

        Accounts whose addresses come to one mailbox keep them as they are: which of them is
        its owner's, nobody can tell from here. They are named in the log, by their ids.
        """
        self._collection.update_many({"status": None}, {"$set": {"status": UserStatus.ACTIVE}})
        strays: dict[str, list[Document]] = {}
        for user in self._collection.find({}, {"email": True}, batch_size=1000):
            kept = _form_to_keep(user["email"])
            if kept != user["email"]:
                strays.setdefault(kept, []).append(user)
        known = self._ids_by_email(strays)
        for kept, users in strays.items():
            ids = [*known.get(kept, ()), *(user["_id"] for user in users)]
            if len(ids) > 1 or not self._readdress(users[0], kept):
                log.warning(
                    "accounts %s share one mailbox; their addresses stay as they are",
                    ", ".join(map(str, ids)),
                )

    def _ids_by_email(self, emails: Iterable[str]) -> dict[str, list[ObjectId]]:
        ids: dict[str, list[ObjectId]] = {}
        rest = iter(emails)
        while some := list(islice(rest, _UPGRADED_AT_ONCE)):
            for user in self._collection.find({"email": {"$in": some}}, {"email": True}):
                ids.setdefault(user["email"], []).append(user["_id"])
        return ids

    def _readdress(self, user: Document, email: str) -> bool:
        """Give an account the form `email` of its address; False where another has it by now."""
        try:
            self._collection.update_one(
                {"_id": user["_id"], "email": user["email"]}, {"$set": {"email": email}}
            )
        except DuplicateKeyError:
            return False
        return True

    def add(self, user: Document, session: Session | None = None) -> Document:
        """Insert `user` with its times; raises `Conflict` for an e-mail that is known."""
        now = utcnow()
        document = {**user, "createdAt": now, "updatedAt": now}
        try:
            self._collection.insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise Conflict("An account with this e-mail exists already") from error
        return {key: value for key, value in document.items() if key not in _PUBLIC}

    def by_id(self, user_id: ObjectId, session: Session | None = None) -> Document | None:
        return self._collection.find_one({"_id": user_id}, _PUBLIC, session=session)

    def by_ids(
        self, user_ids: Iterable[ObjectId], session: Session | None = None
    ) -> dict[ObjectId, Document]:
        found = self._collection.find({"_id": {"$in": list(user_ids)}}, _PUBLIC, session=session)
        return {user["_id"]: user for user in found}

    def briefs(self, user_ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """Return ids, names and e-mail addresses alone."""
        found = self._collection.find({"_id": {"$in": list(user_ids)}}, _BRIEF)
        return {user["_id"]: user for user in found}

    def of_role(self, role: Role) -> Iterator[Document]:
        """Yield every account of a role."""
        yield from self._collection.find({"role": role}, _PUBLIC, batch_size=1000)

    def kept_email(self, address: str) -> str:
        """Return the form of `address` that an account is kept under; else the canonical form.

        An account with exactly this spelling comes first. See `email_forms`.
        """
        forms = email_forms(address)
        if len(forms) == 1:
            return forms[0]
        found = self.known_emails(forms)
        return next((form for form in forms if form in found), forms[-1])

    def by_email(self, email: str) -> Document | None:
        return self._collection.find_one({"email": {"$eq": email}}, _PUBLIC)

    def known_emails(self, emails: Sequence[str]) -> set[str]:
        found = self._collection.find({"email": {"$in": list(emails)}}, {"email": True})
        return {user["email"] for user in found}

    def with_password(self, **match: Any) -> tuple[Document, PasswordHash | None] | None:
        """Return the user that matches, with the hash of their password if they have one."""
        user = self._collection.find_one({key: {"$eq": value} for key, value in match.items()})
        if user is None:
            return None
        value = user.pop("passwordHash", None)
        scheme = user.pop("passwordScheme", None) or PLAIN_SCHEME
        return user, PasswordHash(scheme, value) if value else None

    def staff_page(self, page: PageRequest, match: Mapping[str, Any]) -> Page[Document]:
        """Return staff accounts, newest first."""
        query: Document = {"role": {"$in": [Role.ADMIN, Role.INTERVIEWER]}, **match}
        if page.after:
            query["_id"] = {"$lt": page.after[0]}
        found = (
            self._collection.find(query, _PUBLIC)
            .sort("_id", DESCENDING)
            .limit(page.limit + 1)
            .hint(self._BY_ROLE)
        )
        return Page.cut(list(found), page.limit, lambda user: (user["_id"],))

    def update(
        self, user_id: ObjectId, changes: Mapping[str, Any], session: Session | None = None
    ) -> Document | None:
        """Set `changes` on the user and return the user as it is then."""
        change = {"$set": {**changes, "updatedAt": utcnow()}}
        return self._update({"_id": user_id}, change, session)

    def set_password(
        self,
        user_id: ObjectId,
        password: PasswordHash,
        session: Session | None = None,
        *,
        status: UserStatus | None = None,
    ) -> Document | None:
        changes: Document = {"passwordHash": password.value, "passwordScheme": password.scheme}
        if status:
            changes["status"] = status
        return self.update(user_id, changes, session=session)

    def renew_hash(self, user_id: ObjectId, old: PasswordHash, new: PasswordHash) -> None:
        """Replace the hash `old` by `new`, unless the password was changed meanwhile."""
        self._collection.update_one(
            {"_id": user_id, "passwordHash": old.value},
            {"$set": {"passwordHash": new.value, "passwordScheme": new.scheme}},
        )

    def enter(self, user_id: ObjectId, password: PasswordHash, session: Session) -> Document | None:
        """Note a login of a user who is not deactivated and whose password is the one checked.

        An invited account with a password, as the Node service made them, becomes active. The
        write makes a deactivation or a new password at the same moment conflict.
        """
        usable = {"$in": [UserStatus.ACTIVE, UserStatus.INVITED]}
        match = {"_id": user_id, "status": usable, "passwordHash": password.value}
        change = {"$set": {"lastLoginAt": utcnow(), "status": UserStatus.ACTIVE}}
        return self._update(match, change, session)

    def has_admin(self, session: Session | None = None) -> bool:
        found = self._collection.find_one({"role": Role.ADMIN}, {"_id": True}, session=session)
        return found is not None

    def has_password(self, user_id: ObjectId, session: Session) -> bool:
        found = self._collection.find_one({"_id": user_id}, {"passwordHash": True}, session=session)
        return bool(found and found.get("passwordHash"))

    def other_active_admin(self, user_id: ObjectId, session: Session) -> bool:
        """Tell whether an active admin beside `user_id` exists."""
        match = {"role": Role.ADMIN, "status": UserStatus.ACTIVE, "_id": {"$ne": user_id}}
        return self._collection.find_one(match, {"_id": True}, session=session) is not None

    def add_many(self, users: Sequence[Document], session: Session | None = None) -> None:
        """Insert users that already have ids and times."""
        self._collection.insert_many(list(users), session=session)

    def book(self, user_ids: Collection[ObjectId], session: Session) -> dict[ObjectId, Document]:
        """Return users by id, locked against other bookings until the transaction ends.

        Two transactions that book one person write the same document, so one of them is
        run again and sees what the other has booked.
        """
        match = {"_id": {"$in": list(user_ids)}}
        self._collection.update_many(match, {"$inc": {"bookings": 1}}, session=session)
        return self.by_ids(user_ids, session)

    def mark_for_erasure(
        self, user_id: ObjectId, by: ObjectId | None, due_at: datetime, session: Session
    ) -> None:
        """Note that the account is to be erased: by whom, and when somebody must go on with it.

        Nobody can use it from then on.
        """
        erasure = {"by": by, "dueAt": due_at}
        self._collection.update_one(
            {"_id": user_id},
            {"$set": {"erasure": erasure, "status": UserStatus.INACTIVE}},
            session=session,
        )

    def due_for_erasure(self, now: datetime) -> Document | None:
        """Return the account whose erasure waits longest for somebody to go on with it."""
        return self._collection.find_one(
            {"erasure.dueAt": {"$gt": EPOCH, "$lte": now}},
            _PUBLIC,
            sort=[("erasure.dueAt", ASCENDING)],
            hint=_ERASURE_DUE,
        )

    def claim_erasure(self, user: Document, due_at: datetime) -> bool:
        """Put an erasure off until `due_at`; False where somebody else was faster."""
        updated = self._collection.update_one(
            {"_id": user["_id"], "erasure.dueAt": user["erasure"]["dueAt"]},
            {"$set": {"erasure.dueAt": due_at}},
        )
        return updated.modified_count == 1

    def remove(self, user_id: ObjectId, session: Session) -> bool:
        """Remove the account; False where it is gone."""
        return self._collection.delete_one({"_id": user_id}, session=session).deleted_count == 1

    def _update(
        self, match: Document, change: Document, session: Session | None
    ) -> Document | None:
        # Update and read, since a find-and-modify looks its document up more slowly.
        if not self._collection.update_one(match, change, session=session).matched_count:
            return None
        return self.by_id(match["_id"], session)


class SessionRepository(Repository):
    """One document a login; a session ends by being deleted."""

    COLLECTION = "sessions"
    INDEXES = (
        IndexModel([("user", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["user", "role", "refreshHash", "expiresAt"],
        "properties": {"user": {"bsonType": "objectId"}, "expiresAt": {"bsonType": "date"}},
    }

    def add(self, document: Document, session: Session) -> None:
        self._collection.insert_one(document, session=session)

    def live(self, session_id: ObjectId, session: Session | None = None) -> Document | None:
        found = self._collection.find_one({"_id": session_id}, _IDENTITY, session=session)
        return found if found and found["expiresAt"] > utcnow() else None

    def live_ids(self, session_ids: Iterable[ObjectId]) -> set[ObjectId]:
        """Return those of `session_ids` whose sessions have not ended."""
        found = self._collection.find({"_id": {"$in": list(session_ids)}}, {"expiresAt": True})
        now = utcnow()
        return {document["_id"] for document in found if document["expiresAt"] > now}

    def rotate(
        self, session_id: ObjectId, old_hash: str, new_hash: str, expires_at: datetime
    ) -> bool:
        """Replace the session's refresh token; False where `old_hash` is not the current one.

        When that was is noted by the store's clock.
        """
        retired = {"hash": {"$literal": old_hash}, "at": "$$NOW"}
        earlier = {"$ifNull": ["$retired", []]}
        updated = self._collection.update_one(
            {"_id": session_id, "refreshHash": old_hash, "expiresAt": {"$gt": utcnow()}},
            [
                {
                    "$set": {
                        "refreshHash": {"$literal": new_hash},
                        "retired": {
                            "$slice": [{"$concatArrays": [earlier, [retired]]}, -MAX_RETIRED]
                        },
                        "rotatedAt": "$$NOW",
                        "expiresAt": expires_at,
                    }
                }
            ],
        )
        return updated.matched_count == 1

    def current_hash(
        self, session_id: ObjectId, retired_hash: str, within: timedelta
    ) -> str | None:
        """Return the hash of the session's refresh token, if `retired_hash` was replaced lately.

        That is, at most `within` ago by the store's clock, both times. None otherwise, and
        where the session has ended.
        """
        found = self._collection.aggregate(
            [
                {"$match": {"_id": session_id, "expiresAt": {"$gt": utcnow()}}},
                {"$project": {"refreshHash": True, "retired": True, "now": "$$NOW"}},
            ]
        )
        for session in found:
            for retired in session.get("retired", ()):
                age = session["now"] - retired["at"]
                if retired["hash"] == retired_hash and age <= within:
                    current: str = session["refreshHash"]
                    return current
        return None

    def end(self, session_id: ObjectId) -> bool:
        return self._collection.delete_one({"_id": session_id}).deleted_count == 1

    def end_all(self, user_id: ObjectId, session: Session | None = None) -> None:
        self._collection.delete_many({"user": user_id}, session=session)

    def times_of(self, user_id: ObjectId) -> list[Document]:
        """Return from when to when somebody is logged in, and when that was renewed."""
        return list(self._collection.find({"user": user_id}, _SESSION_TIMES))

    def rename(self, user_id: ObjectId, name: str, session: Session | None = None) -> None:
        self._collection.update_many({"user": user_id}, {"$set": {"name": name}}, session=session)


class OneTimeTokenRepository(Repository):
    """The fingerprints of links that can be used once, until they expire."""

    COLLECTION = "onetimetokens"
    INDEXES = (
        IndexModel([("hash", ASCENDING)], unique=True),
        IndexModel([("user", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["user", "purpose", "hash", "expiresAt"],
        "properties": {"expiresAt": {"bsonType": "date"}},
    }

    def add(self, document: Document) -> None:
        self._collection.insert_one(document)

    def is_live(self, token_hash: str) -> bool:
        return self._live(token_hash) is not None

    def take(self, token_hash: str, session: Session) -> ObjectId | None:
        """Use the token up and return whose it was; None where it is not live."""
        token = self._live(token_hash, session)
        if (
            token is None
            or not self._collection.delete_one({"_id": token["_id"]}, session=session).deleted_count
        ):
            return None
        user_id: ObjectId = token["user"]
        return user_id

    def drop_all(self, user_id: ObjectId, session: Session) -> None:
        """Have none of the user's links work any more."""
        self._collection.delete_many({"user": user_id}, session=session)

    def times_of(self, user_id: ObjectId) -> list[Document]:
        """Return what somebody's links are for, and until when they work."""
        return list(self._collection.find({"user": user_id}, _LINK_TIMES))

    def _live(self, token_hash: str, session: Session | None = None) -> Document | None:
        found = self._collection.find_one({"hash": {"$eq": token_hash}}, session=session)
        return found if found and found["expiresAt"] > utcnow() else None


def _form_to_keep(address: str) -> str:
    try:
        return canonical_email(address)
    except ValueError:
        return lower_email(address)
