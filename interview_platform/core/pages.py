"""Pages of HTML, and what browsers let each of them do: its content security policy."""

from __future__ import annotations

from flask import Response

from .headers import CONTENT_SECURITY_POLICY, content_security_policy


def html_page(html: str, **allowed: str) -> Response:
    """Return a page which may load and do what is `allowed`, as `content_security_policy` says."""
    response = Response(html, mimetype="text/html")
    response.headers[CONTENT_SECURITY_POLICY] = content_security_policy(**allowed)
    return response
