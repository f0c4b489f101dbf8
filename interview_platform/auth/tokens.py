"""Access and refresh tokens: JSON Web Tokens by flask-jwt-extended (RFC 7519, RFC 8725)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import Any, Literal

import jwt
from bson import ObjectId
from bson.errors import InvalidId
from flask import Flask, has_app_context
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from ..core.errors import Unauthorized
from ..core.settings import Settings
from .model import Claims, Grant

ISSUER = "smart-interview"
AUDIENCE = "smart-interview-api"
# Seconds for which a token is taken after its end, and before its beginning if it names one.
LEEWAY = 3
# Seconds by which the clocks of two hosts may differ: a token is good at once on each of them.
CLOCK_SKEW = 120
# How many good tokens a process knows again without checking their signatures anew.
KNOWN_TOKENS = 10_000

TokenType = Literal["access", "refresh"]

_BAD_TOKEN = (jwt.PyJWTError, JWTExtendedException, InvalidId, KeyError, ValueError, TypeError)


class Tokens:
    """Makes tokens, and is the one verifier of them, for requests and sockets alike."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._expires_in = int(settings.jwt_expires_in.total_seconds())
        app.config.update(
            JWT_SECRET_KEY=settings.jwt_secret,
            JWT_ALGORITHM="HS256",
            JWT_DECODE_ALGORITHMS=["HS256"],
            # For the time of issue alone: the others are checked more closely by `verify`.
            JWT_DECODE_LEEWAY=CLOCK_SKEW,
            JWT_ENCODE_NBF=False,
            JWT_ENCODE_ISSUER=ISSUER,
            JWT_DECODE_ISSUER=ISSUER,
            JWT_ENCODE_AUDIENCE=AUDIENCE,
            JWT_DECODE_AUDIENCE=AUDIENCE,
            JWT_ACCESS_TOKEN_EXPIRES=settings.jwt_expires_in,
            JWT_REFRESH_TOKEN_EXPIRES=settings.refresh_expires_in,
        )
        JWTManager(app)
        # Refusals are not kept: nobody fills this with what they have made up.
        self._claims = lru_cache(KNOWN_TOKENS)(self._decode)

    def pair(self, grant: Grant) -> dict[str, Any]:
        """Return the tokens of `grant` as the wire has them; `expiresIn` is in seconds."""
        user_id = str(grant.user["_id"])
        session = {"sid": str(grant.session_id)}
        with self._context():
            return {
                "token": create_access_token(
                    user_id, additional_claims={**session, "role": grant.user["role"]}
                ),
                "refreshToken": create_refresh_token(
                    user_id, additional_claims={**session, "rid": grant.refresh_id}
                ),
                "expiresIn": self._expires_in,
                "user": grant.user,
            }

    def verify(self, token: str, kind: TokenType = "access") -> Claims:
        """Return what `token` claims, its signature, type, issuer, audience and times checked.

        Whether its session still lives is for `AuthService` to say. Raises `Unauthorized`,
        which tells nothing of what was wrong.
        """
        try:
            claims = self._claims(token)
            now = time()
            ended = claims["exp"] + LEEWAY <= now
            not_yet_valid = claims.get("nbf", now) > now + LEEWAY
            # All else that was checked when it was first seen stays as it was.
            if ended or not_yet_valid or claims["type"] != kind:
                raise Unauthorized("Invalid token")
            return Claims(
                user_id=ObjectId(claims["sub"]),
                session_id=ObjectId(claims["sid"]),
                refresh_id=claims["rid"] if kind == "refresh" else None,
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except _BAD_TOKEN as error:
            raise Unauthorized("Invalid token") from error

    def _decode(self, token: str) -> Mapping[str, Any]:
        with self._context():
            claims: dict[str, Any] = decode_token(token)
        return claims

    def _context(self) -> AbstractContextManager[Any]:
        return nullcontext() if has_app_context() else self._app.app_context()
