"""Pages of HTML, and what browsers let each of them do: its content security policy.

https://www.w3.org/TR/CSP3/. What an answer does not allow itself, `BARE` forbids: `http.install`
puts it on every answer without a policy of its own, those of JSON included.
"""

from __future__ import annotations

from flask import Response

HEADER = "Content-Security-Policy"
_NOTHING = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def policy(**allowed: str) -> str:
    """Return a policy that allows nothing but `allowed`: sources by directive, as `script_src`."""
    directives = {**_NOTHING, **{name.replace("_", "-"): value for name, value in allowed.items()}}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


BARE = policy()


def html_page(html: str, **allowed: str) -> Response:
    """Return a page which may load and do what is `allowed`, as `policy` has it."""
    response = Response(html, mimetype="text/html")
    response.headers[HEADER] = policy(**allowed)
    return response
