"""What accounts and sessions look like on the wire."""

from __future__ import annotations

from ..core.fields import Id, ListOf, Number, Part, Timestamp
from ..core.schemas import ChangeSchema, PageEnvelope, PageQuery, Schema
from ..core.text_fields import AccountEmail, Choice, Email, Name, Password, Phone, Text, TimeZone
from .model import Role, UserStatus

STAFF_ROLES = (Role.INTERVIEWER, Role.ADMIN)
# Nobody is set to `invited`: an account is born so.
SETTABLE_STATUS = (UserStatus.ACTIVE, UserStatus.INACTIVE)


def name_field(**kwargs: bool) -> Name:
    return Name("The person's full name.", least=1, most=200, example="Ada Lovelace", **kwargs)


def channel_field() -> Choice:
    return Choice("How the person prefers to be told.", ("email", "sms"), dump_default="email")


def phone_field() -> Phone:
    return Phone("The phone number.", allow_none=True, dump_default=None)


def timezone_field() -> TimeZone:
    return TimeZone("The time zone that times are told in.", allow_none=True, dump_default=None)


class UserRefSchema(Schema):
    """Who somebody is, to others."""

    id = Id("The account's id.", attribute="_id")
    name = name_field()
    email = Email("The e-mail address.")


class UserBriefSchema(UserRefSchema):
    """Who is logged in."""

    role = Choice("What the account may do.", Role)


class UserSchema(UserBriefSchema):
    """An account, as its owner and admins see it."""

    status = Choice("Whether the account can be used.", UserStatus)
    phone = phone_field()
    timezone = timezone_field()
    notificationChannel = channel_field()
    createdAt = Timestamp("When the account was made.")
    updatedAt = Timestamp("When the account was last changed.")


class RegisterAdminSchema(Schema):
    name = name_field(required=True)
    email = Email("The e-mail address to log in with.", required=True)
    password = Password("8 to 256 characters, and not a common one.", required=True)


class RegisteredSchema(Schema):
    message = Text("What was done.", most=200, example="Admin registered")
    user = Part(UserBriefSchema, "The new account.")


class LoginSchema(Schema):
    email = AccountEmail("The account's e-mail address.", required=True)
    password = Password("The account's password.", required=True)


class RefreshSchema(Schema):
    refreshToken = Text(
        "The refresh token of the last answer.", least=1, most=4096, required=True, load_only=True
    )


class TokensSchema(Schema):
    token = Text("The access token, for the Authorization header.", most=4096)
    refreshToken = Text("The token to get the next pair with, which replaces it.", most=4096)
    expiresIn = Number("How many seconds the access token lives.", example=86400)
    user = Part(UserBriefSchema, "Who is logged in.")


class MeSchema(Schema):
    user = Part(UserSchema, "The caller's own account.")


class ChangePasswordSchema(Schema):
    currentPassword = Password("The password so far.", required=True)
    newPassword = Password("8 to 256 characters, and not a common one.", required=True)


class ForgotPasswordSchema(Schema):
    email = AccountEmail("The account's e-mail address.", required=True)


class AcceptedSchema(Schema):
    message = Text(
        "What happens next, for known and unknown addresses alike.",
        most=200,
        example="If the address has an account, a link is on its way",
    )


class ResetPasswordSchema(Schema):
    token = Text(
        "The one-use token out of the link.",
        least=1,
        most=256,
        required=True,
        load_only=True,
        example="Rk9PQkFSLW9uZS11c2UtdG9rZW4",
    )
    password = Password("8 to 256 characters, and not a common one.", required=True)


class StaffCreateSchema(Schema):
    name = name_field(required=True)
    email = Email("The e-mail address to log in with.", required=True)
    role = Choice("What the account may do.", STAFF_ROLES, required=True)
    phone = phone_field()
    timezone = timezone_field()
    notificationChannel = channel_field()
    password = Password("Left out: the person is invited by e-mail to set one.")


class StaffUpdateSchema(ChangeSchema):
    name = name_field()
    role = Choice("What the account may do.", STAFF_ROLES)
    phone = phone_field()
    timezone = timezone_field()
    notificationChannel = channel_field()
    status = Choice("Whether the account can be used.", SETTABLE_STATUS)


class StaffQuery(PageQuery):
    role = Choice("Only accounts of this role.", STAFF_ROLES)
    status = Choice("Only accounts in this state.", UserStatus)


class StaffSchema(Schema):
    user = Part(UserSchema, "The account.")


class StaffPageSchema(PageEnvelope):
    users = ListOf(Part(UserSchema, "An account."), "The page's accounts, newest first.", most=200)
