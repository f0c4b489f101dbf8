"""The fields of schemas that hold text: each bounds its input and describes itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from marshmallow import fields, validate

from .addresses import canonical_email
from .newlines import normalize_newlines
from .phone_numbers import ExtensionError, e164
from .text import hidden_in_name, is_blank, is_visible

# Names in the time zone database for what is no place: this machine's own, and none at all.
_NO_TIMEZONES = frozenset({"localtime", "Factory"})


def described(description: str, example: Any) -> dict[str, Any]:
    """Return what the OpenAPI document says of a field, with an example if there is one."""
    metadata = {"description": description}
    if example is not None:
        metadata["example"] = example
    return metadata


class Text(fields.String):
    """Text of at most `most` characters that any store and any terminal can take.

    NUL and lone surrogates are refused. `trim` cuts white space at both ends.
    """

    default_error_messages = {
        "long": "Longer than maximum length {most}.",
        "nul": "NUL characters are not allowed.",
        "surrogate": "Not valid Unicode text.",
    }

    def __init__(
        self,
        description: str,
        *,
        most: int,
        least: int = 0,
        trim: bool = True,
        example: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._most = most
        self._trim = trim
        bounds = validate.Length(min=least or None, max=most)
        checks = [bounds, *kwargs.pop("validate", [])]
        super().__init__(validate=checks, metadata=described(description, example), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        # First of all, since what follows may take its time over text of any length.
        if len(text) > self._most:
            raise self.make_error("long", most=self._most)
        if "\0" in text:
            raise self.make_error("nul")
        if not _encodable(text):
            raise self.make_error("surrogate")
        return text.strip() if self._trim else text


class Lines(Text):
    """Text of lines that end with LF; CRLF and CR become LF. White space is kept."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(f"{description} CRLF and CR become LF.", trim=False, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        return normalize_newlines(super()._deserialize(value, attr, data, **kwargs))


class Name(Text):
    """A name or a title: on one line, and nothing in it that hides or turns what is seen."""

    default_error_messages = {
        "blank": "Must hold something that can be seen.",
        "hidden": "Must not hold line breaks, control characters or others that are not seen"
        " (U+{code:04X}).",
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        hidden = hidden_in_name(text)
        if hidden is not None:
            raise self.make_error("hidden", code=ord(hidden))
        if text and is_blank(text):
            raise self.make_error("blank")
        return text


class Password(fields.String):
    """A password, taken exactly as it is; its rules are those of `auth.passwords`."""

    default_error_messages = {"surrogate": "Not valid Unicode text."}

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(
            metadata={
                "description": description,
                "format": "password",
                "example": "correct horse battery",
            },
            load_only=True,
            validate=validate.Length(max=256),
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not _encodable(text):
            raise self.make_error("surrogate")
        return text


class AccountEmail(Text):
    """The e-mail address of an account that exists, trimmed; `addresses` finds its form.

    Older accounts have addresses that no account is made with today.
    """

    def __init__(self, description: str, **kwargs: Any) -> None:
        kwargs.setdefault("example", "ada@example.com")
        check = validate.Regexp(".+@.+", error="Not a valid email address.")
        super().__init__(description, most=254, validate=[check], **kwargs)


class Email(Text):
    """An e-mail address, brought into the form in which it is kept and compared.

    Addresses with more than one spelling are refused: mail to `straße@` and to `strasse@`
    goes to two mailboxes, which must not share an account, and mail to `"ada"@` and to
    `ada@` to one, which must not have two.
    """

    default_error_messages = {
        "domain": "The part behind the @ is not the name of a domain.",
        "fold": "Only the letters A to Z can be taken in upper case, and no ß or the like.",
        "form": "Before the @ letters must be in their ordinary form, not full-width or the like.",
        "invisible": "Before the @ there must be no invisible characters.",
        "quoted": "The part before the @ must not be in quotation marks.",
    }

    def __init__(self, description: str, **kwargs: Any) -> None:
        kwargs.setdefault("example", "ada@example.com")
        super().__init__(description, most=254, validate=[validate.Email()], **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            address = canonical_email(text)
        except ValueError as error:
            raise self.make_error("domain") from error
        local = address.rpartition("@")[0]
        if not is_visible(local):
            raise self.make_error("invisible")
        if local.startswith('"'):
            raise self.make_error("quoted")
        if local != local.casefold():
            raise self.make_error("fold")
        if local != unicodedata.normalize("NFKC", local):
            raise self.make_error("form")
        return address


class Phone(Text):
    """A phone number with its country's code, kept in E.164."""

    default_error_messages = {
        "extension": "Must not have an extension: a message would go to the switchboard.",
        "phone": "Not a phone number with a country code, such as +4930123456.",
    }

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(description, most=32, example="+4930123456", **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return e164(text)
        except ExtensionError as error:
            raise self.make_error("extension") from error
        except ValueError as error:
            raise self.make_error("phone") from error


class WebAddress(Text):
    """An http or https address."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        kwargs.setdefault("example", "https://example.com/ada.pdf")
        check = validate.URL(schemes={"http", "https"})
        super().__init__(description, most=2048, validate=[check], **kwargs)


class TimeZone(Text):
    """A time zone by its name in the IANA database."""

    default_error_messages = {"timezone": "Not a time zone's name, such as Europe/Berlin."}

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(description, most=64, example="Europe/Berlin", **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if text not in _timezones():
            raise self.make_error("timezone")
        return text


class Choice(Text):
    """One of a few words."""

    def __init__(self, description: str, choices: Iterable[str], **kwargs: Any) -> None:
        words = [str(choice) for choice in choices]
        kwargs.setdefault("example", words[0])
        super().__init__(description, most=64, validate=[validate.OneOf(words)], **kwargs)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_TIMEZONES
