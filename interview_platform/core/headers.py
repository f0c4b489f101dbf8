"""Headers that every answer has, whichever part of the service makes it.

Loaded before gevent patches: nothing that holds locks or threads may be imported here.
"""

from __future__ import annotations

CONTENT_SECURITY_POLICY = "Content-Security-Policy"

_NOTHING = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def content_security_policy(**allowed: str) -> str:
    """Return a policy (https://www.w3.org/TR/CSP3/) that allows nothing but `allowed`.

    These are sources by directive, as `script_src`.
    """
    directives = {**_NOTHING, **{name.replace("_", "-"): value for name, value in allowed.items()}}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


PLAIN_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    CONTENT_SECURITY_POLICY: content_security_policy(),
}
"""The headers of an answer that has none of these itself."""
