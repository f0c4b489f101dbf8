"""STUN and TURN servers, for people who connect to each other without a server in between."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class IceServers:
    """`turn_secret` is what the TURN servers know as their `static-auth-secret`."""

    stun_urls: Sequence[str] = ()
    turn_urls: Sequence[str] = ()
    turn_secret: str = field(default="", repr=False)

    def for_user(self, user_id: str, expires_at: datetime) -> list[dict[str, Any]]:
        """Return what a browser's RTCPeerConnection takes as its `iceServers`.

        The credentials are those of a "REST API For Access To TURN Services"
        (draft-uberti-behave-turn-rest-00): the name holds when they end, in seconds since
        the epoch, and the password is the name's HMAC-SHA-1, in base64.
        """
        servers: list[dict[str, Any]] = []
        if self.stun_urls:
            servers.append({"urls": list(self.stun_urls)})
        if self.turn_urls:
            username = f"{int(expires_at.timestamp())}:{user_id}"
            code = hmac.digest(self.turn_secret.encode(), username.encode(), hashlib.sha1)
            credential = b64encode(code).decode()
            servers.append(
                {"urls": list(self.turn_urls), "username": username, "credential": credential}
            )
        return servers
