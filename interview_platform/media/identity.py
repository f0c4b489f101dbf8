"""Who somebody is at the video server: their account, and a suffix for each of their tokens.

The server shows a participant out when another of the same identity comes in; suffixes let
people come in by several tabs and devices.
"""

from __future__ import annotations

import secrets

from bson import ObjectId


def new_identity(user_id: ObjectId) -> str:
    return f"{user_id}:{secrets.token_hex(4)}"


def account_of(identity: str) -> ObjectId | None:
    """Return the account behind an identity; None for one that is no person's."""
    user_id, _, suffix = identity.partition(":")
    return ObjectId(user_id) if suffix and ObjectId.is_valid(user_id) else None
