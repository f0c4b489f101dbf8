"""LiveKit: tokens that let people into a room, and the events that its server reports.

Both are JSON Web Tokens, signed by HS256 with the API secret:
https://docs.livekit.io/home/get-started/authentication and
https://docs.livekit.io/home/server/webhooks. LiveKit's own library is built on asyncio.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Annotated, Any

import jwt
import msgspec
import orjson
from msgspec import Meta, Struct

from ..core.clock import utcnow
from ..core.errors import BadRequest, Unauthorized

# What clocks may differ by, and how long after its signature an event is taken at most.
LEEWAY = timedelta(minutes=1)
MAX_AGE = timedelta(minutes=10)
# How long a call to the server's API may be on its way.
CALL_LENGTH = timedelta(minutes=1)


class Participant(Struct, rename="camel"):
    """`identity` is the one of the token that the participant came with."""

    identity: str = ""
    sid: str = ""
    disconnect_reason: str | int | None = None


class Track(Struct, rename="camel"):
    """Values that are their type's first are left out of messages."""

    sid: str = ""
    type: str | int = "AUDIO"
    source: str | int = "UNKNOWN"


class Egress(Struct, rename="camel"):
    """A recording."""

    egress_id: str = ""
    room_name: str = ""
    status: str | int = "EGRESS_STARTING"


class Room(Struct, rename="camel"):
    name: str = ""


class RoomReport(Struct, rename="camel"):
    """What LiveKit's server says has happened; `created_at` is in seconds since the epoch."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    event: str
    created_at: Annotated[int, Meta(ge=0, lt=2**37)] = 0
    room: Room | None = None
    participant: Participant | None = None
    track: Track | None = None
    egress_info: Egress | None = None

    @property
    def room_name(self) -> str:
        if self.room and self.room.name:
            return self.room.name
        return self.egress_info.room_name if self.egress_info else ""


class LiveKit:
    """One server at `url`, where clients connect."""

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        self.url = url
        self._key = api_key
        self._secret = api_secret

    def token(
        self,
        *,
        room: str,
        identity: str,
        name: str,
        role: str,
        manages: bool,
        expires_at: datetime,
    ) -> str:
        """Return a token for one participant of one room.

        Who `manages` it may mute others and show them out.
        """
        grants = {
            "room": room,
            "roomJoin": True,
            "canPublish": True,
            "canSubscribe": True,
            "canPublishData": True,
            "canUpdateOwnMetadata": False,
            "roomAdmin": manages,
        }
        metadata = orjson.dumps({"role": role}).decode()
        return self._sign(grants, expires_at, sub=identity, name=name, metadata=metadata)

    def admin_token(self, room: str) -> str:
        """Return a token for one call of the server's API about the participants of a room."""
        return self._sign({"room": room, "roomAdmin": True}, utcnow() + CALL_LENGTH)

    def report(self, signature: str, body: bytes) -> RoomReport:
        """Return what the server reports in `body`, which `signature` must be made for.

        Raises `Unauthorized` for a signature that is not, or is stale, and `BadRequest` for
        a body that is no report.
        """
        self._check(signature, body)
        try:
            # Whole numbers of 64 bits are text in the JSON of protocol buffers.
            return msgspec.json.decode(body, type=RoomReport, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadRequest("Not an event of LiveKit's") from error

    def _sign(self, grants: dict[str, Any], expires_at: datetime, **claims: str) -> str:
        made = {"iss": self._key, "nbf": utcnow(), "exp": expires_at, "video": grants, **claims}
        return jwt.encode(made, self._secret, algorithm="HS256")

    def _check(self, signature: str, body: bytes) -> None:
        try:
            claims = jwt.decode(
                signature,
                self._secret,
                algorithms=["HS256"],
                issuer=self._key,
                leeway=LEEWAY,
                options={"require": ["exp", "nbf", "iss", "sha256"]},
            )
        except jwt.InvalidTokenError as error:
            raise not_signed() from error
        age = utcnow().timestamp() - int(claims["nbf"])
        digest = b64encode(hashlib.sha256(body).digest())
        same = hmac.compare_digest(str(claims["sha256"]).encode(), digest)
        if not same or age > MAX_AGE.total_seconds():
            raise not_signed()


def not_signed() -> Unauthorized:
    """Make the error for what does not come from the LiveKit that this service knows."""
    return Unauthorized("Not signed by LiveKit")
