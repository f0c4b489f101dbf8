"""What a password must be (OWASP ASVS 5.0, 6.2): long enough, and not one that everybody tries."""

from __future__ import annotations

from functools import cache
from itertools import islice

from ..core.errors import Invalid
from ..core.security import normalize

MIN_LENGTH = 8
MAX_LENGTH = 256
COMMON = 3000
# Public in that service's source.
NODE_DEFAULT = "Temp@1234"


def check_password(password: str, field: str = "password") -> None:
    """Raise `Invalid`, naming `field`, for a password that must not be taken."""
    kept = normalize(password)
    if len(kept) < MIN_LENGTH or len(password) > MAX_LENGTH:
        raise Invalid({field: [f"Must be {MIN_LENGTH} to {MAX_LENGTH} characters long."]})
    if kept.lower() in _common():
        raise Invalid({field: ["Too common: it would be among the first to be guessed."]})


def is_node_default(password: str) -> bool:
    """Tell whether it is the password that the Node service gave to candidates without one."""
    return normalize(password) == NODE_DEFAULT


@cache
def _common() -> frozenset[str]:
    """Return, in lower case, passwords that are guessed first and that the rule of length allows.

    These are the commonest of zxcvbn's ranking, and the Node service's default.
    """
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    long_enough = (word for word in FREQUENCY_LISTS["passwords"] if len(word) >= MIN_LENGTH)
    return frozenset({*islice(long_enough, COMMON), NODE_DEFAULT.lower()})
