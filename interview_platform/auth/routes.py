"""`/api/auth` and `/api/admin/users`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bson import ObjectId
from flask import request

from ..core.http import Blueprint
from ..core.paging import PageRequest
from . import schemas
from .accounts import AccountService
from .guard import current_actor, optional_actor
from .service import AuthService
from .tokens import Tokens

Body = dict[str, Any]


def auth_blueprint(auth: AuthService, tokens: Tokens) -> Blueprint:
    blueprint = Blueprint(
        "auth", __name__, url_prefix="/api/auth", description="Sessions and passwords."
    )

    @blueprint.route(
        "/register-admin",
        methods=["POST"],
        errors=[
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.CONFLICT,
            HTTPStatus.TOO_MANY_REQUESTS,
        ],
    )
    @blueprint.arguments(schemas.RegisterAdminSchema)
    @blueprint.response(201, schemas.RegisteredSchema)
    def register_admin(body: Body) -> Body:
        """Register the first admin, or, as an admin, another one."""
        user = auth.register_admin(optional_actor(), **body, address=_address())
        return {"message": "Admin registered", "user": user}

    @blueprint.route(
        "/login",
        methods=["POST"],
        errors=[HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS],
    )
    @blueprint.arguments(schemas.LoginSchema)
    @blueprint.response(200, schemas.TokensSchema)
    def login(body: Body) -> Body:
        """Log in by e-mail and password."""
        return tokens.pair(auth.login(**body, address=_address()))

    @blueprint.route("/refresh", methods=["POST"], errors=[HTTPStatus.UNAUTHORIZED])
    @blueprint.arguments(schemas.RefreshSchema)
    @blueprint.response(200, schemas.TokensSchema)
    def refresh(body: Body) -> Body:
        """Trade a refresh token for a new pair; one replaced over 20 s ago ends its session."""
        return tokens.pair(auth.refresh(tokens.verify(body["refreshToken"], "refresh")))

    @blueprint.route("/logout", methods=["POST"])
    @blueprint.response(204)
    def logout() -> None:
        """End this session, its open sockets included."""
        auth.logout(current_actor())

    @blueprint.route("/logout-all", methods=["POST"])
    @blueprint.response(204)
    def logout_all() -> None:
        """End every session of the account."""
        auth.logout_all(current_actor())

    @blueprint.route("/me", methods=["GET"])
    @blueprint.response(200, schemas.MeSchema)
    def me() -> Body:
        """Return the caller's own account."""
        return {"user": auth.me(current_actor())}

    @blueprint.route("/password", methods=["POST"], errors=[HTTPStatus.TOO_MANY_REQUESTS])
    @blueprint.arguments(schemas.ChangePasswordSchema)
    @blueprint.response(200, schemas.TokensSchema)
    def change_password(body: Body) -> Body:
        """Change the own password, end every session and return a new one."""
        grant = auth.change_password(
            current_actor(), body["currentPassword"], body["newPassword"], _address()
        )
        return tokens.pair(grant)

    @blueprint.route("/password/forgot", methods=["POST"], errors=[HTTPStatus.TOO_MANY_REQUESTS])
    @blueprint.arguments(schemas.ForgotPasswordSchema)
    @blueprint.response(202, schemas.AcceptedSchema)
    def forgot_password(body: Body) -> Body:
        """Ask for a link to set a new password."""
        auth.forgot_password(body["email"], _address())
        return {"message": "If the address has an account, a link is on its way"}

    @blueprint.route("/password/reset", methods=["POST"], errors=[HTTPStatus.TOO_MANY_REQUESTS])
    @blueprint.arguments(schemas.ResetPasswordSchema)
    @blueprint.response(204)
    def reset_password(body: Body) -> None:
        """Set a password by the one-use token of a reset or an invitation."""
        auth.reset_password(**body, address=_address())

    return blueprint


def users_blueprint(accounts: AccountService) -> Blueprint:
    blueprint = Blueprint(
        "users", __name__, url_prefix="/api/admin/users", description="Staff accounts."
    )

    @blueprint.route("", methods=["POST"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.StaffCreateSchema)
    @blueprint.response(201, schemas.StaffSchema)
    def create(body: Body) -> Body:
        """Create a staff account; without a password, invite its owner."""
        return {"user": accounts.create_staff(current_actor(), body)}

    @blueprint.route("", methods=["GET"])
    @blueprint.arguments(schemas.StaffQuery, location="query")
    @blueprint.response(200, schemas.StaffPageSchema)
    def list_all(query: Body) -> Body:
        """List staff accounts, newest first."""
        page = accounts.staff(PageRequest.of(query, ObjectId), query)
        return {"users": page.items, "next": page.next}

    @blueprint.route("/<id:user_id>", methods=["PATCH"], errors=[HTTPStatus.CONFLICT])
    @blueprint.arguments(schemas.StaffUpdateSchema)
    @blueprint.response(200, schemas.StaffSchema)
    def update(body: Body, user_id: ObjectId) -> Body:
        """Change a staff account; a new role or state ends its sessions."""
        return {"user": accounts.update_staff(current_actor(), user_id, body)}

    return blueprint


def _address() -> str:
    return request.remote_addr or "unknown"
