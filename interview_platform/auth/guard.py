"""Every request passes here: who is calling, and whether the policy lets them."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from flask import Flask, current_app, g, request

from ..core.errors import Forbidden, Unauthorized
from ..core.http import request_cost
from ..core.ratelimit import RateLimit
from .model import Actor, Claims, Role
from .policy import RULES
from .service import AuthService
from .tokens import Tokens


class Authenticator:
    """Finds out who bears a token; requests and sockets ask the same one."""

    def __init__(self, tokens: Tokens, auth: AuthService) -> None:
        self._tokens = tokens
        self._auth = auth

    def bearer(self, token: str) -> tuple[Actor, datetime]:
        """Return who bears the access token, and when it ends. Raises `Unauthorized`."""
        claims = self.verify(token)
        return self.identify(claims), claims.expires_at

    def verify(self, token: str) -> Claims:
        """Return what an access token claims; its session may have ended. Raises `Unauthorized`."""
        return self._tokens.verify(token)

    def identify(self, claims: Claims) -> Actor:
        """Return whose session it is. Raises `Unauthorized` after its end."""
        return self._auth.identify(claims)


def refusals(endpoint: str) -> set[HTTPStatus]:
    """Return the statuses by which the policy turns callers of `endpoint` away."""
    rule = RULES[endpoint]
    if rule.public:
        return set()
    found = {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}
    everybody = all(rule.reach(role) for role in Role)
    return found if everybody else found | {HTTPStatus.FORBIDDEN}


def install(app: Flask, authenticator: Authenticator, limit: RateLimit) -> None:
    """Put every request of `app` through the policy, and refuse what it does not list.

    `limit` bounds the requests of each person.
    """
    app.extensions["authenticator"] = authenticator
    app.extensions["request_limit"] = limit
    app.before_request(_authorize)


def _authorize() -> None:
    endpoint = request.endpoint
    if endpoint is None or request.method == "OPTIONS":
        return
    rule = RULES.get(endpoint)
    if rule is None:
        raise Forbidden("Not allowed")
    if rule.public:
        return
    g.actor = _actor_within_limit()
    if rule.reach(g.actor.role) is None:
        raise Forbidden


def _actor_within_limit() -> Actor:
    """Return who is calling. Raises `Unauthorized`, or `TooManyRequests` beyond the limit."""
    token = _bearer_token()
    if not token:
        raise Unauthorized
    authenticator: Authenticator = current_app.extensions["authenticator"]
    limit: RateLimit = current_app.extensions["request_limit"]
    claims, cost = authenticator.verify(token), request_cost()
    holder = str(claims.user_id)
    # Before the store is asked; but only a session that lives takes of what a person may send.
    limit.check(holder, cost)
    actor = authenticator.identify(claims)
    limit.take(holder, cost)
    return actor


def check_rules(app: Flask) -> None:
    """Raise RuntimeError for a route of `app` that the policy does not list."""
    unlisted = {rule.endpoint for rule in app.url_map.iter_rules()} - RULES.keys()
    if unlisted:
        raise RuntimeError(f"routes without a rule in auth.policy: {sorted(unlisted)}")


def optional_actor() -> Actor | None:
    """Return who is calling, if they say. Raises `Unauthorized` for a bad token."""
    token = _bearer_token()
    authenticator: Authenticator = current_app.extensions["authenticator"]
    return authenticator.bearer(token)[0] if token else None


def current_actor() -> Actor:
    """Return who is calling a route that is not public."""
    actor: Actor = g.actor
    return actor


def _bearer_token() -> str | None:
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Send the token as Authorization: Bearer <token>")
    return token.strip()
