"""E-mail addresses, as they are kept and compared."""

from __future__ import annotations

import string

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def normalize_email(address: str) -> str:
    """Return `address` trimmed, and A to Z in lower case.

    Other letters stay as they are, since case-folding makes other mailboxes of some.
    """
    return address.strip().translate(_LOWER)
