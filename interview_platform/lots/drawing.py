"""Draws: picking candidates for a lot out of the pool, in a way that can be repeated."""

from __future__ import annotations

import secrets

from bson import ObjectId

from ..audit.service import Audit
from ..auth.accounts import AccountService
from ..auth.model import Actor
from ..candidates.model import Criteria
from ..candidates.service import CandidateService
from ..core.clock import utcnow
from ..core.errors import Conflict, NotFound
from ..core.mongo import Document, Session, Store, transaction
from ..core.paging import Page, PageRequest
from .draw import Selection, by_lot, by_match, select
from .model import MAX_CANDIDATES, LotState, Method
from .repository import DrawRepository, LotRepository
from .service import ARCHIVED, FULL

SEED_BYTES = 16
# Each time that one draw is overtaken, another one has succeeded.
ATTEMPTS = 32


class _Overtaken(Exception):
    """Somebody else changed the lot, or took one of those selected, since the pool was read."""


class DrawService:
    """A draw reads the pool and selects without locking anyone, then claims those selected.

    Where another one was faster with one of them, it starts over with the pool that is left.
    """

    def __init__(
        self,
        store: Store,
        lots: LotRepository,
        draws: DrawRepository,
        candidates: CandidateService,
        accounts: AccountService,
        audit: Audit,
    ) -> None:
        self._store = store
        self._lots = lots
        self._draws = draws
        self._candidates = candidates
        self._accounts = accounts
        self._audit = audit

    def draw(
        self,
        actor: Actor,
        lot_id: ObjectId,
        *,
        size: int,
        method: Method,
        seed: str | None,
        dry_run: bool,
    ) -> Document:
        """Draw at most `size` candidates into a lot, shortlist them and return the draw.

        Fewer are drawn where fewer match. Without a `seed` one is made at random. A dry
        run changes nothing and is not kept. Raises `NotFound`, and `Conflict` for a lot
        that is archived or would grow too large.
        """
        seed = secrets.token_hex(SEED_BYTES) if seed is None else seed
        for _ in range(ATTEMPTS):
            lot = self._lots.criteria(lot_id)
            if lot is None:
                raise NotFound
            if lot.get("status") == LotState.ARCHIVED:
                raise Conflict(ARCHIVED)
            criteria = Criteria.of(lot.get("criteria"))
            score = by_match(criteria) if method is Method.RANKED else by_lot
            selection = select(self._candidates.pool(criteria), size, seed, score)
            draw = _document(actor, lot, size, method, seed, selection)
            if dry_run:
                return self._with_names([{**draw, "_id": None}])[0]
            try:
                self._claim(actor, lot, draw)
            except _Overtaken:
                continue
            return self._with_names([draw])[0]
        raise Conflict("Others keep drawing the same candidates, try again")

    def page(self, page: PageRequest, lot_id: ObjectId) -> Page[Document]:
        """Return a lot's draws, newest first."""
        if self._lots.criteria(lot_id) is None:
            raise NotFound
        found = self._draws.page(page, lot_id)
        return Page(self._with_names(found.items), found.next)

    def _claim(self, actor: Actor, lot: Document, draw: Document) -> None:
        profile_ids = [picked["profile"] for picked in draw["selected"]]

        def claim(session: Session) -> None:
            filled = self._lots.put_in(
                lot["_id"], profile_ids, session, criteria={"$eq": lot.get("criteria")}
            )
            if filled is None:
                raise _Overtaken
            if filled["candidateCount"] > MAX_CANDIDATES:
                raise Conflict(FULL)
            if not self._candidates.claim(profile_ids, lot["_id"], actor, session):
                raise _Overtaken
            self._draws.add(draw, session)
            self._audit.record(
                "lot.drawn",
                actor=actor.user_id,
                subject=lot["_id"],
                details={"draw": draw["_id"], "method": draw["method"], "size": draw["size"]},
                session=session,
            )

        transaction(self._store, claim)

    def picking(self, profile_id: ObjectId) -> list[Document]:
        """Return which draws picked a candidate: the lot, how, when, and their score or None."""
        return [
            {
                **{name: value for name, value in draw.items() if name != "selected"},
                "score": draw["selected"][0].get("score"),
            }
            for draw in self._draws.picking(profile_id)
        ]

    def _with_names(self, draws: list[Document]) -> list[Document]:
        users = self._accounts.by_ids(
            {picked["user"] for draw in draws for picked in draw["selected"]}
        )

        def named(picked: Document) -> Document:
            return {**picked, "name": users.get(picked["user"], {}).get("name")}

        return [{**draw, "selected": [*map(named, draw["selected"])]} for draw in draws]


def _document(
    actor: Actor, lot: Document, size: int, method: Method, seed: str, selection: Selection
) -> Document:
    selected = []
    for profile, score in selection.selected:
        picked = {"user": profile["user"], "profile": profile["_id"]}
        selected.append({**picked, "score": score} if method is Method.RANKED else picked)
    return {
        "_id": ObjectId(),
        "lot": lot["_id"],
        "method": method,
        "seed": seed,
        "size": size,
        "criteria": lot.get("criteria") or {},
        "poolSize": selection.pool_size,
        "poolDigest": selection.pool_digest,
        "selected": selected,
        "createdBy": actor.user_id,
        "createdAt": utcnow(),
    }
