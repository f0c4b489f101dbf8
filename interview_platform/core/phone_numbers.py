"""Phone numbers, as messages can be sent to them: in E.164, without anything left out."""

from __future__ import annotations

import re

import phonenumbers

# Digits, and what is written between them. Letters would be dialled, and what follows a number
# in words would be left out. Spreadsheets put a `=` before a number to keep its `+`.
_WRITTEN = re.compile(r"(?:tel:|=)?[+＋][\d\s()\[\].\-‐-―−－/]+", re.IGNORECASE)  # noqa: RUF001
_MAX_DIGITS = 15


class ExtensionError(ValueError):
    """A number behind a switchboard, which no message can be sent to."""


def e164(text: str) -> str:
    """Return the one phone number that `text` is, in E.164 form.

    Raises `ExtensionError` for a number with an extension, and ValueError for anything else
    that is not a whole number with its country code: E.164 has no extensions, and a message
    to the number without it would reach the switchboard.
    """
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a phone number with a country code") from error
    if number.extension:
        raise ExtensionError("a phone number with an extension")
    if not _WRITTEN.fullmatch(text.strip()):
        raise ValueError("not a phone number alone")
    # Digits behind a slash are the area's own number, or those of another one.
    before, slash, _ = text.partition("/")
    if slash and _is_whole(before):
        raise ValueError("more than one phone number")
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not _is_possible(number) or len(written) > 1 + _MAX_DIGITS:
        raise ValueError("not a possible phone number")
    return written


def _is_whole(text: str) -> bool:
    try:
        return _is_possible(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False


def _is_possible(number: phonenumbers.PhoneNumber) -> bool:
    """Tell whether `number` can be dialled from abroad: short codes and local ones cannot."""
    reason = phonenumbers.is_possible_number_with_reason(number)
    return bool(reason == phonenumbers.ValidationResult.IS_POSSIBLE)
