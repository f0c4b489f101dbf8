"""LiveKit's API for its rooms, as far as it is needed here: Twirp, that is JSON over HTTP.

https://docs.livekit.io/reference/other/roomservice-api/ and
https://twitchtv.github.io/twirp/docs/spec_v7.html.
"""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson

from .livekit import LiveKit

TIMEOUT = 5.0
"""Seconds that the server may take to be reached, and as many to answer."""

_MAX_ANSWER = 64 * 1024


class Unreachable(Exception):
    """The server does not answer."""


class Refused(Exception):
    """The server answers that it will not."""


class RoomService:
    """The API of the server that `livekit` knows, at the address where clients connect."""

    def __init__(self, livekit: LiveKit) -> None:
        self._livekit = livekit
        # ws and wss become http and https.
        self._url = "http" + livekit.url.removeprefix("http").removeprefix("ws").rstrip("/")

    def remove(self, room: str, identity: str) -> bool:
        """Remove a participant from a room; False where they are not there.

        Their token is still good until it ends. Raises `Unreachable` and `Refused`.
        """
        request = Request(  # noqa: S310 - the settings take no other schemes
            f"{self._url}/twirp/livekit.RoomService/RemoveParticipant",
            data=orjson.dumps({"room": room, "identity": identity}),
            headers={
                "Authorization": f"Bearer {self._livekit.admin_token(room)}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
                response.read(_MAX_ANSWER)
        except HTTPError as error:
            with error:
                code = _error_code(error)
            if code == "not_found":
                return False
            # Its words are left out: they may quote the token.
            raise Refused(f"LiveKit answered {error.code} {code}".rstrip()) from None
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", error)
            raise Unreachable(f"LiveKit did not answer ({type(cause).__name__})") from None
        return True


def _error_code(error: HTTPError) -> str:
    with suppress(OSError, HTTPException, orjson.JSONDecodeError, TypeError, KeyError):
        return str(orjson.loads(error.read(_MAX_ANSWER))["code"])[:50]
    return ""
