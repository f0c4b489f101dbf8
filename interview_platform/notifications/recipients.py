"""What notifications need of accounts, which others implement."""

from __future__ import annotations

from typing import Literal, Protocol

from bson import ObjectId

Purpose = Literal["invitation", "reset"]


class Recipient(Protocol):
    """Somebody with an account, as far as messages to them need to know."""

    @property
    def id(self) -> ObjectId: ...

    @property
    def name(self) -> str: ...

    @property
    def email(self) -> str: ...

    @property
    def phone(self) -> str | None:
        """A number in E.164 form."""

    @property
    def timezone(self) -> str:
        """A name of the IANA time zone database."""

    @property
    def channel(self) -> str:
        """What they prefer: `email` or `sms`."""

    @property
    def active(self) -> bool:
        """Whether they may be written to: everybody but a deactivated account."""


class Recipients(Protocol):
    def find(self, user_id: ObjectId) -> Recipient | None: ...

    def find_by_email(self, email: str) -> Recipient | None: ...


class AccountLinks(Protocol):
    def issue(self, user_id: ObjectId, purpose: Purpose) -> str:
        """Return a new token with which the user can choose a password once."""
