"""Who may do what: the one table that every route and every socket event is looked up in.

A name that the table lacks is refused, and `create_app` refuses to start with such a route.
Roles are checked before a handler runs; where a rule says OWN, the service that knows the
owners asks `owns` and answers NotFound, so that nobody learns of what is not theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from bson import ObjectId

from .model import Actor, Role


class Reach(Enum):
    """How far a role's permission goes."""

    ANY = "any"
    OWN = "own"


@dataclass(frozen=True)
class Rule:
    """Which roles may, and how far; a public rule asks for no token at all."""

    public: bool = False
    admin: Reach | None = None
    interviewer: Reach | None = None
    candidate: Reach | None = None

    def reach(self, role: Role) -> Reach | None:
        reach: Reach | None = getattr(self, role)
        return reach


ANYONE = Rule(public=True)
ADMINS = Rule(admin=Reach.ANY)
STAFF = Rule(admin=Reach.ANY, interviewer=Reach.ANY)
OWN_ACCOUNT = Rule(admin=Reach.OWN, interviewer=Reach.OWN, candidate=Reach.OWN)
CANDIDATES = Rule(candidate=Reach.OWN)
ITS_STAFF = Rule(admin=Reach.ANY, interviewer=Reach.OWN)
PARTICIPANTS = Rule(admin=Reach.ANY, interviewer=Reach.OWN, candidate=Reach.OWN)

RULES: Mapping[str, Rule] = {
    # The service itself
    "health.live": ANYONE,
    "health.ready": ANYONE,
    "health.scrape": ANYONE,
    "health.index": ANYONE,
    "api-docs.openapi_json": ANYONE,
    "swagger_ui.show": ANYONE,
    # Accounts
    "auth.register_admin": ANYONE,
    "auth.login": ANYONE,
    "auth.refresh": ANYONE,
    "auth.forgot_password": ANYONE,
    "auth.reset_password": ANYONE,
    "auth.logout": OWN_ACCOUNT,
    "auth.logout_all": OWN_ACCOUNT,
    "auth.me": OWN_ACCOUNT,
    "auth.change_password": OWN_ACCOUNT,
    "users.create": ADMINS,
    "users.list_all": ADMINS,
    "users.update": ADMINS,
    # Candidates
    "candidates.create": ADMINS,
    "candidates.list_all": ADMINS,
    "candidates.get": ADMINS,
    "candidates.update": ADMINS,
    "candidates.import_csv": ADMINS,
    "own_profile.get": CANDIDATES,
    "own_profile.update": CANDIDATES,
    "own_interviews.list_all": CANDIDATES,
    "privacy.export_own": CANDIDATES,
    "privacy.erase": ADMINS,
    # Lots
    "lots.create": ADMINS,
    "lots.list_all": ADMINS,
    "lots.get": ADMINS,
    "lots.update": ADMINS,
    "lots.add_candidates": ADMINS,
    "lots.remove_candidate": ADMINS,
    "lots.draw": ADMINS,
    "lots.list_draws": ADMINS,
    # Coding tasks
    "coding_tasks.create": ADMINS,
    "coding_tasks.list_all": STAFF,
    "coding_tasks.get": STAFF,
    "coding_tasks.update": ADMINS,
    "coding_tasks.delete": ADMINS,
    # Interviews
    "scheduling.create": ADMINS,
    "scheduling.list_all": ADMINS,
    "scheduling.update": ADMINS,
    "scheduling.cancel": ADMINS,
    "interviews.list_own": PARTICIPANTS,
    "interviews.get": PARTICIPANTS,
    "interviews.start": ITS_STAFF,
    "interviews.end": ITS_STAFF,
    "interviews.list_logs": ITS_STAFF,
    "timeline.list_events": ITS_STAFF,
    "timeline.get_code": ITS_STAFF,
    "timeline.get_diff": ITS_STAFF,
    "timeline.get_stats": ITS_STAFF,
    "record.receipt": ITS_STAFF,
    "record.export": ITS_STAFF,
    "attention.get": ITS_STAFF,
    # The dashboard
    "dashboard.get": ADMINS,
    # Media
    "media.create_token": PARTICIPANTS,
    # What other services report; a signature stands for the token.
    "webhooks.take_livekit": ANYONE,
    # Socket events of the /interview namespace
    "socket.joinRoom": PARTICIPANTS,
    "socket.signal": PARTICIPANTS,
    "socket.codeUpdate": PARTICIPANTS,
    "socket.chatMessage": PARTICIPANTS,
    "socket.eyeTracking": CANDIDATES,
    "socket.consent": CANDIDATES,
    "socket.leaveRoom": PARTICIPANTS,
    "socket.admit": ITS_STAFF,
    "socket.remove": ITS_STAFF,
    "socket.awareness": PARTICIPANTS,
    "socket.language": PARTICIPANTS,
    "socket.codeRun": PARTICIPANTS,
    "socket.bookmark": ITS_STAFF,
    "socket.mediaState": PARTICIPANTS,
    "socket.watchDashboard": ADMINS,
    "socket.renew": OWN_ACCOUNT,
}


def owns(actor: Actor, action: str, owners: Mapping[Role, ObjectId]) -> bool:
    """Tell whether `actor` may do `action` to a thing whose owner in each role is in `owners`."""
    reach = RULES[action].reach(actor.role)
    if reach is Reach.OWN:
        return owners.get(actor.role) == actor.user_id
    return reach is Reach.ANY
