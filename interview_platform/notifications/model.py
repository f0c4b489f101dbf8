"""The words of delivery: a way out, and how it fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from ..auth.accounts import Recipient
from .rendering import Message


class PermanentDeliveryError(Exception):
    """A message that will not go out however often it is tried."""


class TransientDeliveryError(Exception):
    """A failure that may pass; `retry_after` is what the provider asks for, if it does."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Channel(Protocol):
    def send(self, recipient: Recipient, message: Message) -> str:
        """Hand `message` to the provider once and return the provider's id for it.

        Raises `TransientDeliveryError` or `PermanentDeliveryError`.
        """
