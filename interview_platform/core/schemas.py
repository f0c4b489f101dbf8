"""The fields that schemas are made of: each bounds its input and describes itself.

Field names are the wire's and the store's camelCase, so that documents are dumped as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, ClassVar
from zoneinfo import available_timezones

import marshmallow as ma
import phonenumbers
from bson import ObjectId
from marshmallow import fields, validate

from .addresses import canonical_email
from .clock import isoformat
from .dumping import PlannedNested, PlannedSchema
from .paging import DEFAULT_LIMIT, MAX_LIMIT
from .text import is_visible

# BSON stores whole numbers of up to 64 bits.
MAX_INTEGER = 2**63 - 1
# More digits than any of them has.
MAX_DIGITS = 20

# The longest timestamp in use has about 35 characters.
MAX_TIMESTAMP_LENGTH = 64

# The most that an ordinary request's body may hold.
MAX_BODY_BYTES = 64 * 1024

# How many faults an error lists: more would help nobody.
MAX_FAULTS = 20

# Names in the time zone database for what is no place: this machine's own, and none at all.
_NO_TIMEZONES = frozenset({"localtime", "Factory"})


class Schema(PlannedSchema):
    """A schema that refuses unknown fields."""

    MAX_BYTES: ClassVar[int] = MAX_BODY_BYTES
    """How large a request's body of this form may be."""

    class Meta:
        unknown = ma.RAISE

    def _deserialize(self, data: Any, **options: Any) -> Any:
        return super()._deserialize(self._without_excess(data), **options)

    def _without_excess(self, data: Any) -> Any:
        """Return `data` with no more unknown fields than an error lists."""
        if not isinstance(data, Mapping) or len(data) <= len(self.load_fields) + MAX_FAULTS:
            return data
        known = {field.data_key or name for name, field in self.load_fields.items()}
        unknown = islice((name for name in data if name not in known), MAX_FAULTS)
        kept = known.union(unknown)
        return {name: value for name, value in data.items() if name in kept}


class ChangeSchema(Schema):
    """The body of a request that changes some fields and leaves the others as they are.

    An empty one is refused, since it changes nothing.
    """

    @ma.validates_schema
    def _require_one(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ma.ValidationError("At least one field is required.")


def _metadata(description: str, example: Any) -> dict[str, Any]:
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
        super().__init__(validate=checks, metadata=_metadata(description, example), **kwargs)

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
        "phone": "Not a phone number with a country code, such as +4930123456."
    }

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(description, most=32, example="+4930123456", **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            number = phonenumbers.parse(text)
        except phonenumbers.NumberParseException as error:
            raise self.make_error("phone") from error
        if not phonenumbers.is_possible_number(number):
            raise self.make_error("phone")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


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


class Number(fields.Integer):
    """A whole number within bounds."""

    def __init__(
        self,
        description: str,
        *,
        least: int = 0,
        most: int = MAX_INTEGER,
        example: int | None = None,
        strict: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            strict=strict,
            validate=validate.Range(min=least, max=most),
            metadata=_metadata(description, example),
            **kwargs,
        )

    def _validated(self, value: Any) -> Any:
        # int() would read "7" and True as numbers where JSON has said what they are, and
        # "1_0", "+5" and other scripts' digits where it has not.
        if isinstance(value, str | bool) and (self.strict or not _is_digits(value)):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Decimal(fields.Float):
    """A number within bounds; neither infinite nor NaN."""

    def __init__(
        self,
        description: str,
        *,
        least: float,
        most: float,
        example: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            allow_nan=False,
            validate=validate.Range(min=least, max=most),
            metadata=_metadata(description, example),
            **kwargs,
        )

    def _validated(self, value: Any) -> Any:
        if isinstance(value, str | bool):
            raise self.make_error("invalid", input=value)
        try:
            return super()._validated(value)
        except OverflowError as error:
            raise self.make_error("too_large", input=value) from error


class Flag(fields.Boolean):
    """True or false; in a query, where `strict` is false, the words `true` and `false`."""

    def __init__(
        self, description: str, *, example: bool | None = None, strict: bool = True, **kwargs: Any
    ) -> None:
        self._strict = strict
        super().__init__(metadata=_metadata(description, example), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if isinstance(value, bool):
            return value
        if self._strict or value not in ("true", "false"):
            raise self.make_error("invalid", input=value)
        return bool(value == "true")


class Id(fields.Field[ObjectId]):
    """An id: 24 hexadecimal digits on the wire, an ObjectId within."""

    default_error_messages = {"id": "Not an id of 24 hexadecimal digits."}

    def __init__(self, description: str, **kwargs: Any) -> None:
        metadata = _metadata(description, "65f0c0ffee65f0c0ffee65f0")
        metadata |= {"type": "string", "pattern": "^[0-9a-f]{24}$"}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> ObjectId:
        if not isinstance(value, str) or len(value) != 24 or not ObjectId.is_valid(value):
            raise self.make_error("id")
        return ObjectId(value)


class Timestamp(fields.AwareDateTime):
    """A moment: ISO 8601 with an offset on the wire, in UTC with milliseconds when dumped."""

    def __init__(self, description: str, *, example: str | None = None, **kwargs: Any) -> None:
        super().__init__(
            metadata=_metadata(description, example or "2026-03-02T09:30:00.000Z"), **kwargs
        )

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else isoformat(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or len(value) > MAX_TIMESTAMP_LENGTH:
            raise self.make_error("invalid", input=value, obj_type="datetime")
        try:
            moment = super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type="datetime") from error
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class ListOf(fields.List[Any]):
    """A list of at most `most` values of one kind."""

    def __init__(
        self,
        inner: fields.Field[Any],
        description: str,
        *,
        most: int,
        least: int = 0,
        example: list[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._bounds = validate.Length(min=least or None, max=most)
        super().__init__(
            inner, validate=self._bounds, metadata=_metadata(description, example), **kwargs
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        # Before any item is looked at.
        if isinstance(value, list):
            self._bounds(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Part(PlannedNested):
    """An object within an object."""

    def __init__(
        self, schema: type[ma.Schema] | ma.Schema, description: str, **kwargs: Any
    ) -> None:
        super().__init__(schema, metadata={"description": description}, **kwargs)


class MapOf(fields.Dict):
    """Values of one kind by name, at most `most` of them."""

    def __init__(
        self,
        inner: fields.Field[Any],
        description: str,
        *,
        most: int,
        example: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._bounds = validate.Length(max=most)
        super().__init__(
            keys=fields.String(),
            values=inner,
            validate=self._bounds,
            metadata={**_metadata(description, example), "maxProperties": most},
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        # Before any value is looked at.
        if isinstance(value, dict):
            self._bounds(value)
        found = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        return dict(found)


class Json(fields.Raw):
    """Any JSON value that another party gives a meaning to.

    That it is of at most `most` bytes is told here, and kept by those who make it.
    """

    def __init__(self, description: str, *, most: int, example: Any = None, **kwargs: Any) -> None:
        metadata = {**_metadata(description, example), "x-maxBytes": most}
        super().__init__(metadata=metadata, **kwargs)


class PageQuery(Schema):
    """What every list takes."""

    limit = Number(
        "How many items a page may hold.",
        least=1,
        most=MAX_LIMIT,
        example=DEFAULT_LIMIT,
        strict=False,
        load_default=DEFAULT_LIMIT,
    )
    after = Text("The `next` cursor of the page before.", most=512, least=1)


class PageEnvelope(Schema):
    """What every list answers beside its items."""

    next = Text("The cursor of the next page, or null.", most=512, allow_none=True)


class ErrorSchema(Schema):
    """What every error looks like."""

    code = Number("The HTTP status.", example=422)
    status = Text("The HTTP status in words.", most=64, example="Unprocessable Entity")
    message = Text("What went wrong.", most=1000, example="Some fields are not valid")
    errors = MapOf(
        Json("What is wrong, by field.", most=128 * 1024),
        "The first of the fields at fault, by where they came from; only where fields are.",
        most=1,
        example={"json": {"email": ["Not a valid email address."]}},
    )
    requestId = Text(
        "The id under which the service's log knows this request.",
        most=128,
        example="5e5f0b0e8d7c4b7e9a0d8f4c1b2a3d4e",
    )


def _is_digits(text: str | bool) -> bool:
    return isinstance(text, str) and len(text) <= MAX_DIGITS and text.isascii() and text.isdigit()


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_TIMEZONES
