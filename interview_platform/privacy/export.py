"""What is kept of a candidate, for the candidate to read: `docs/privacy.md` says why so much."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from bson import ObjectId

from ..audit.service import Audit
from ..auth.accounts import AccountService
from ..auth.model import Actor
from ..auth.personal import AccountData
from ..candidates.service import CandidateService
from ..core.clock import utcnow
from ..core.json import stream
from ..core.mongo import Document
from ..editor.service import EditorService
from ..interviews.model import Admission, admitted_at
from ..interviews.personal import InterviewData
from ..lots.drawing import DrawService
from ..lots.service import LotService
from ..notifications.service import NotificationService
from ..session_log.service import SessionLog
from ..telemetry.personal import TelemetryData

# What others say in a room, and how they are connected, is kept of them.
_OF_WHO_DID_IT = ("chat", "webrtc")

# What is told in other words, or serves the service alone.
_LEFT_OUT = frozenset({"_id", "index", "salt", "clientKey", "interview"})


class ExportService:
    def __init__(
        self,
        accounts: AccountService,
        account_data: AccountData,
        candidates: CandidateService,
        lots: LotService,
        draws: DrawService,
        notifications: NotificationService,
        interviews: InterviewData,
        session_log: SessionLog,
        editor: EditorService,
        telemetry: TelemetryData,
        audit: Audit,
        media_tokens_of: Callable[[ObjectId], list[Document]],
    ) -> None:
        self._accounts = accounts
        self._account_data = account_data
        self._candidates = candidates
        self._lots = lots
        self._draws = draws
        self._notifications = notifications
        self._interviews = interviews
        self._session_log = session_log
        self._editor = editor
        self._telemetry = telemetry
        self._audit = audit
        self._media_tokens_of = media_tokens_of

    def of(self, actor: Actor) -> Iterator[bytes]:
        """Return the JSON of all that is kept of the caller, in pieces. Raises `NotFound`."""
        user_id = actor.user_id
        data = self._account_data.of(user_id)
        profile = self._candidates.get(user_id)["profile"]
        email = data["account"]["email"]
        lots = self._lots.names_with(profile["_id"])
        interviews = self._interviews.of_candidate(user_id)
        return stream(
            {
                "exportedAt": utcnow(),
                **data,
                "account": _plain(data["account"]),
                "profile": _plain(profile),
                "lots": [_plain(lot) for lot in lots],
                "draws": [_plain(draw) for draw in self._draws.picking(profile["_id"])],
                "notifications": map(_plain, self._notifications.sent_to(user_id, email)),
                "interviews": self._told(user_id, interviews),
                "mediaTokens": self._media_tokens_of(user_id),
                "audit": (_deed(user_id, entry) for entry in self._audit.of(user_id)),
            }
        )

    def _told(self, user_id: ObjectId, interviews: list[Document]) -> Iterator[Document]:
        interviewers = self._accounts.by_ids({each["interviewer"] for each in interviews})
        consents = self._telemetry.consents([each["_id"] for each in interviews])
        for interview in interviews:
            interview_id = interview["_id"]
            held = self._interviews.was_held(interview)
            admissions = self._interviews.admissions(interview) if held else ()
            consent = consents.get(interview_id)
            yield {
                **_plain(interview),
                "interviewer": {
                    "id": interview["interviewer"],
                    "name": interviewers.get(interview["interviewer"], {}).get("name"),
                },
                "consent": consent and _plain(consent),
                "code": self._code(interview_id) if held else None,
                "gaze": map(_plain, self._telemetry.gaze(interview_id)),
                "log": (
                    _plain(entry)
                    for entry in self._session_log.entries(interview_id)
                    if _is_own(user_id, entry) or _was_shown(entry, admissions)
                ),
            }

    def _code(self, interview_id: ObjectId) -> Document:
        version = self._editor.load(interview_id)
        return {"language": version.language, "text": version.document.text}


def _is_own(user_id: ObjectId, entry: Mapping[str, Any]) -> bool:
    """Tell whether a log entry is of what the candidate did."""
    actor = entry.get("actor")
    return actor is not None and actor.get("userId") == user_id


def _was_shown(entry: Mapping[str, Any], admissions: Collection[Admission]) -> bool:
    """Tell whether the room showed the candidate an entry, or it is about them.

    What others do in the room while the candidate waits is shown to nobody but them.
    """
    if not admissions or entry["type"] in _OF_WHO_DID_IT:
        return False
    event = (entry.get("data") or {}).get("event", "")
    in_room = entry["type"] == "code" or event.startswith("code.")
    by_person = entry.get("actor") is not None
    return not (in_room and by_person) or admitted_at(admissions, entry["seq"])


def _deed(user_id: ObjectId, entry: Mapping[str, Any]) -> Document:
    """Return an audit entry without who else it was, and whence they did it."""
    own = entry.get("actor") == user_id
    return {
        "action": entry["action"],
        "at": entry["at"],
        "byYou": own,
        "address": entry.get("address") if own else None,
        "details": entry.get("details") or {},
    }


def _plain(document: Mapping[str, Any]) -> Document:
    """Return a document as it is kept, under its `id`."""
    kept = {name: value for name, value in document.items() if name not in _LEFT_OUT}
    return {"id": document["_id"], **kept}
