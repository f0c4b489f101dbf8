"""Who may do what, written down once more for the tests: role by ownership.

Kept apart from `auth.policy` on purpose. A route or a socket event that this table lacks
fails the suite, and so does one that answers somebody otherwise than is written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Answer(Enum):
    """What somebody gets: let in, whatever comes of it then, or turned away, in three ways."""

    IN = "in"
    WHO = 401
    NO = 403
    NONE = 404


IN, WHO, NO, NONE = Answer.IN, Answer.WHO, Answer.NO, Answer.NONE


@dataclass(frozen=True)
class Row:
    """The answers to nobody, an admin, the thing's interviewer, another, and so for candidates."""

    anonymous: Answer
    admin: Answer
    interviewer: Answer
    other_interviewer: Answer
    candidate: Answer
    other_candidate: Answer


ALL = Row(IN, IN, IN, IN, IN, IN)
LOGGED_IN = Row(WHO, IN, IN, IN, IN, IN)
ADMIN = Row(WHO, IN, NO, NO, NO, NO)
STAFF = Row(WHO, IN, IN, IN, NO, NO)
CANDIDATE = Row(WHO, NO, NO, NO, IN, IN)
PARTICIPANT = Row(WHO, IN, IN, NONE, IN, NONE)
ITS_STAFF = Row(WHO, IN, IN, NONE, NO, NO)
# Nobody without the signature of another service, whoever they are here.
SIGNED = Row(WHO, WHO, WHO, WHO, WHO, WHO)

ROUTES: dict[str, Row] = {
    "GET /health": ALL,
    "GET /health/ready": ALL,
    "GET /metrics": ALL,
    "GET /api": ALL,
    "GET /api/openapi.json": ALL,
    "GET /api/docs": ALL,
    "GET /api/docs/": ALL,
    "GET /api/docs/<path:path>": ALL,
    # With an admin in place, it takes an admin.
    "POST /api/auth/register-admin": ALL,
    "POST /api/auth/login": ALL,
    "POST /api/auth/refresh": ALL,
    "POST /api/auth/password/forgot": ALL,
    "POST /api/auth/password/reset": ALL,
    "POST /api/auth/logout": LOGGED_IN,
    "POST /api/auth/logout-all": LOGGED_IN,
    "GET /api/auth/me": LOGGED_IN,
    "POST /api/auth/password": LOGGED_IN,
    "POST /api/admin/users": ADMIN,
    "GET /api/admin/users": ADMIN,
    "PATCH /api/admin/users/<id:user_id>": ADMIN,
    "POST /api/admin/candidates": ADMIN,
    "GET /api/admin/candidates": ADMIN,
    "GET /api/admin/candidates/<id:candidate_id>": ADMIN,
    "PATCH /api/admin/candidates/<id:candidate_id>": ADMIN,
    "POST /api/admin/candidates/import": ADMIN,
    "POST /api/admin/candidates/<id:candidate_id>/erase": ADMIN,
    "POST /api/admin/lots": ADMIN,
    "GET /api/admin/lots": ADMIN,
    "GET /api/admin/lots/<id:lot_id>": ADMIN,
    "PATCH /api/admin/lots/<id:lot_id>": ADMIN,
    "POST /api/admin/lots/<id:lot_id>/candidates": ADMIN,
    "DELETE /api/admin/lots/<id:lot_id>/candidates/<id:candidate_id>": ADMIN,
    "POST /api/admin/lots/<id:lot_id>/draw": ADMIN,
    "GET /api/admin/lots/<id:lot_id>/draws": ADMIN,
    "POST /api/admin/coding-tasks": ADMIN,
    "GET /api/admin/coding-tasks": STAFF,
    "GET /api/admin/coding-tasks/<id:task_id>": STAFF,
    "PATCH /api/admin/coding-tasks/<id:task_id>": ADMIN,
    "DELETE /api/admin/coding-tasks/<id:task_id>": ADMIN,
    "POST /api/admin/interviews": ADMIN,
    "GET /api/admin/interviews": ADMIN,
    "PATCH /api/admin/interviews/<id:interview_id>": ADMIN,
    "POST /api/admin/interviews/<id:interview_id>/cancel": ADMIN,
    "GET /api/admin/dashboard": ADMIN,
    "GET /api/candidates/me": CANDIDATE,
    "PUT /api/candidates/me": CANDIDATE,
    "GET /api/candidates/me/export": CANDIDATE,
    "GET /api/candidates/interviews": CANDIDATE,
    "GET /api/interviews": LOGGED_IN,
    "GET /api/interviews/<id:interview_id>": PARTICIPANT,
    "POST /api/interviews/<id:interview_id>/start": ITS_STAFF,
    "POST /api/interviews/<id:interview_id>/end": ITS_STAFF,
    "GET /api/interviews/<id:interview_id>/logs": ITS_STAFF,
    "GET /api/interviews/<id:interview_id>/timeline": ITS_STAFF,
    "GET /api/interviews/<id:interview_id>/code": ITS_STAFF,
    "GET /api/interviews/<id:interview_id>/code/diff": ITS_STAFF,
    "GET /api/interviews/<id:interview_id>/code/stats": ITS_STAFF,
    "GET /api/interviews/<id:interview_id>/receipt": ITS_STAFF,
    "GET /api/interviews/<id:interview_id>/export": ITS_STAFF,
    "GET /api/interviews/<id:interview_id>/attention": ITS_STAFF,
    "POST /api/interviews/<id:interview_id>/media-token": PARTICIPANT,
    "POST /api/webhooks/livekit": SIGNED,
}

# Socket events, for sockets that are connected; nobody connects without a token.
EVENTS: dict[str, Row] = {
    "joinRoom": PARTICIPANT,
    "leaveRoom": PARTICIPANT,
    "signal": PARTICIPANT,
    "codeUpdate": PARTICIPANT,
    "chatMessage": PARTICIPANT,
    "eyeTracking": Row(WHO, NO, NO, NO, IN, NONE),
    "consent": Row(WHO, NO, NO, NO, IN, NONE),
    "admit": ITS_STAFF,
    "remove": ITS_STAFF,
    "awareness": PARTICIPANT,
    "language": PARTICIPANT,
    "codeRun": PARTICIPANT,
    "bookmark": ITS_STAFF,
    "mediaState": PARTICIPANT,
    "watchDashboard": ADMIN,
    "renew": LOGGED_IN,
}
