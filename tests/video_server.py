"""LiveKit's server as far as its webhooks go, by LiveKit's own library."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import timedelta
from typing import Any

from google.protobuf.json_format import MessageToJson, ParseDict
from livekit.api import AccessToken
from livekit.protocol.webhook import WebhookEvent

URL = "wss://video.example.com"
KEY = "APIkeyOfTheTests"
SECRET = "the secret of the tests' video server"
SETTINGS = {"LIVEKIT_URL": URL, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}

# How long LiveKit has a webhook's signature last.
SIGNED_FOR = timedelta(minutes=5)


def report(**fields: Any) -> bytes:
    """Return the body of a webhook, as the server writes it."""
    message = ParseDict(fields, WebhookEvent())
    return MessageToJson(message, indent=None).encode()


def sign(
    body: bytes, *, key: str = KEY, secret: str = SECRET, lasts: timedelta = SIGNED_FOR
) -> str:
    """Return the header `Authorization` of a webhook."""
    digest = b64encode(hashlib.sha256(body).digest()).decode()
    return AccessToken(key, secret).with_sha256(digest).with_ttl(lasts).to_jwt()
