"""Whose an interview is, by the policy: one that is not the actor's does not exist for them."""

from __future__ import annotations

from ..auth.model import Actor, Role
from ..auth.policy import RULES, Reach, owns
from ..core.errors import NotFound
from ..core.mongo import Document

# Which field of an interview names its owner in a role.
_OWNER = {Role.INTERVIEWER: "interviewer", Role.CANDIDATE: "candidate"}


def check_access(actor: Actor, action: str, interview: Document | None) -> Document:
    """Return `interview`; raises `NotFound` where `actor` may not do `action` to it."""
    if interview is None:
        raise NotFound
    owners = {role: interview[field] for role, field in _OWNER.items() if interview.get(field)}
    if not owns(actor, action, owners):
        raise NotFound
    return interview


def own(actor: Actor, action: str) -> Document:
    """Return what an interview must match for `actor` to do `action` to it."""
    if RULES[action].reach(actor.role) is Reach.ANY:
        return {}
    return {_OWNER[actor.role]: actor.user_id}
