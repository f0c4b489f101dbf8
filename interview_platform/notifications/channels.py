"""The ways out: e-mail by SendGrid, SMS by Twilio.

Imported by who sends alone: the providers' clients are large, and slow to load.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException, responses
from typing import TYPE_CHECKING, Any

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import ClickTracking, From, Mail, OpenTracking, To, TrackingSettings
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from twilio.rest.api import Api

from ..auth.accounts import Recipient
from ..core.clock import utcnow
from ..core.phone_numbers import ExtensionError, e164
from ..core.text import one_line
from .model import PermanentDeliveryError, TransientDeliveryError
from .rendering import Message

if TYPE_CHECKING:
    import requests


MAX_RETRY_AFTER = timedelta(days=1)
# RFC 850's form of a date, with the longest day's name, has 33 characters.
MAX_DATE_LENGTH = 64

# Some providers send decimals.
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True)
class EmailChannel:
    """Sends by SendGrid's v3 API; `sender` is an address, with a name before it if wanted."""

    api_key: str
    sender: str
    base_url: str
    timeout: timedelta

    def send(self, recipient: Recipient, message: Message) -> str:
        _require(SENDGRID_API_KEY=self.api_key, EMAIL_FROM=self.sender)
        sendgrid = SendGridAPIClient(self.api_key, host=self.base_url)
        sendgrid.client.timeout = self.timeout.total_seconds()
        mail = Mail(
            From(self.sender),
            To(recipient.email, one_line(recipient.name)),
            message.subject,
            message.text,
            message.html,
        )
        # Tracking would put the provider's address, and its logs, in the way of one-use links.
        mail.tracking_settings = TrackingSettings(
            click_tracking=ClickTracking(enable=False, enable_text=False),
            open_tracking=OpenTracking(enable=False),
        )
        try:
            response = sendgrid.send(mail)
        except HTTPError as error:
            raise _refusal("SendGrid", error.status_code, error.headers) from None
        except (OSError, HTTPException) as error:
            raise _unreachable("SendGrid", error) from None
        return str(response.headers.get("X-Message-Id", ""))


@dataclass(frozen=True)
class SmsChannel:
    """Sends by Twilio's REST API from `sender`, a number in E.164 form."""

    account_sid: str
    auth_token: str
    sender: str
    base_url: str
    timeout: timedelta

    def send(self, recipient: Recipient, message: Message) -> str:
        _require(
            TWILIO_ACCOUNT_SID=self.account_sid,
            TWILIO_AUTH_TOKEN=self.auth_token,
            TWILIO_FROM_NUMBER=self.sender,
        )
        transport = TwilioHttpClient(
            timeout=self.timeout.total_seconds(), request_hooks={"response": _refuse}
        )
        api = Api(Client(self.account_sid, self.auth_token, http_client=transport))
        api.base_url = self.base_url
        try:
            sent = api.v2010.account.messages.create(
                to=_number(recipient.phone), from_=self.sender, body=message.sms
            )
        except OSError as error:
            raise _unreachable("Twilio", error) from None
        return str(sent.sid)


def _require(**settings: str) -> None:
    missing = [name for name, value in settings.items() if not value]
    if missing:
        raise PermanentDeliveryError(f"not configured: {', '.join(missing)}")


def _number(phone: str | None) -> str:
    # Accounts of the Node service have whatever was typed.
    try:
        return e164(phone or "")
    except ExtensionError as error:
        raise PermanentDeliveryError("a phone number with an extension") from error
    except ValueError as error:
        raise PermanentDeliveryError("not a phone number with a country code") from error


def _refuse(response: requests.Response, **_: Any) -> None:
    # Read off the response, since Twilio's own exceptions drop its headers.
    if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
        code = re.search(r'"code":\s*(\d{5})\b', response.text)
        raise _refusal("Twilio", response.status_code, response.headers, code and code[1])


# What passes, beside the errors of a provider's own.
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

# Neither of the two repeats the provider's own words: they may quote what was sent.


def _refusal(
    provider: str, status: int, headers: Mapping[str, str], code: str | None = None
) -> Exception:
    message = f"{provider} answered {status} {responses.get(status, '')}".rstrip()
    if code:
        message += f" (error {code})"
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientDeliveryError(message, retry_after(headers, utcnow()))
    return PermanentDeliveryError(message)


def _unreachable(provider: str, error: Exception) -> TransientDeliveryError:
    cause = getattr(error, "reason", error)
    kind = type(cause if isinstance(cause, Exception) else error).__name__
    return TransientDeliveryError(f"{provider} did not answer ({kind})")


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long a provider asks to wait, at most a day; None if it does not say.

    `Retry-After` holds seconds or a date (RFC 9110, 10.2.3). A date is compared with the
    provider's own clock where the answer has a `Date`, else with `now`. One that has passed
    asks for no wait.
    """
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return min(timedelta(seconds=math.ceil(float(value))), MAX_RETRY_AFTER)
    until = _http_date(value)
    if until is None:
        return None
    wait = until - (_http_date(headers.get("Date", "")) or now)
    return max(timedelta(0), min(wait, MAX_RETRY_AFTER))


def _http_date(text: str) -> datetime | None:
    if len(text) > MAX_DATE_LENGTH:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # asctime's form has no zone, and means GMT.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
