"""What candidates look like on the wire."""

from __future__ import annotations

from typing import Any

from ..auth.model import UserStatus
from ..auth.schemas import (
    SETTABLE_STATUS,
    UserRefSchema,
    UserSchema,
    channel_field,
    phone_field,
    timezone_field,
)
from ..core.fields import Decimal, Flag, Id, ListOf, MapOf, Number, Part, Timestamp
from ..core.schemas import ChangeSchema, PageEnvelope, PageQuery, Schema
from ..core.text import is_blank
from ..core.text_fields import Choice, Email, Name, Password, Text, WebAddress
from .model import MAX_HISTORY, LotStatus, fold

MAX_LABELS = 50
MAX_LABEL_LENGTH = 64
# How many rejected rows, and how many duplicates, a report of an import lists.
MAX_LISTED = 1_000

# What a spreadsheet may take for the start of a formula, full-width forms included.
FORMULA_SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001


class PlainText(Text):
    """Text that can be seen, and does no harm in a spreadsheet: it never begins a formula."""

    default_error_messages = {
        "formula": "Must not begin with =, +, - or @: a spreadsheet would run it as a formula.",
        "unseen": "Must hold something that can be seen.",
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        first = next((each for each in text if not is_blank(each)), None)
        if text and first is None:
            raise self.make_error("unseen")
        if first in FORMULA_SIGNS:
            raise self.make_error("formula")
        return text


class PlainName(PlainText, Name):
    """A name or a title that begins no formula."""


class PlainEmail(PlainText, Email):
    """An e-mail address that begins no formula."""


class Labels(ListOf):
    """Short words without doubles: of spellings that differ in case alone, the first is kept."""

    def __init__(self, description: str, *, example: list[str], **kwargs: Any) -> None:
        label = PlainName("A word or two.", least=1, most=MAX_LABEL_LENGTH)
        super().__init__(label, description, most=MAX_LABELS, example=example, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        labels: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        kept: dict[str, str] = {}
        for label in labels:
            kept.setdefault(fold(label), label)
        return list(kept.values())


def skills_field(description: str = "What the candidate can do.") -> Labels:
    return Labels(description, example=["Python", "PostgreSQL"])


def tags_field(description: str = "What the candidate is filed under.") -> Labels:
    return Labels(description, example=["backend", "remote"])


def resume_field() -> WebAddress:
    return WebAddress("Where the résumé is.", allow_none=True, dump_default=None)


def portfolio_field() -> WebAddress:
    return WebAddress(
        "Where work can be seen.",
        allow_none=True,
        dump_default=None,
        example="https://ada.example.com/",
    )


def experience_field() -> Decimal:
    return Decimal(
        "Years of professional experience.",
        least=0,
        most=80,
        example=7,
        allow_none=True,
        dump_default=None,
    )


def notes_field() -> PlainText:
    return PlainText(
        "What staff noted; never shown to the candidate.",
        most=10_000,
        allow_none=True,
        dump_default=None,
        example="Met at the spring fair.",
    )


def candidate_name_field(**kwargs: Any) -> PlainName:
    return PlainName("The person's full name.", least=1, most=200, example="Ada Lovelace", **kwargs)


class _ProfileFields(Schema):
    """What candidates may say of themselves."""

    phone = phone_field()
    timezone = timezone_field()
    notificationChannel = channel_field()
    resumeUrl = resume_field()
    portfolioUrl = portfolio_field()
    skills = skills_field()
    tags = tags_field()


class OwnProfileUpdateSchema(_ProfileFields, ChangeSchema):
    """What candidates may change of themselves; what is left out stays, null clears."""


class CandidateCreateSchema(_ProfileFields):
    """A new candidate."""

    name = candidate_name_field(required=True)
    email = PlainEmail("The e-mail address to log in with.", required=True)
    password = Password("Left out: the candidate is invited by e-mail to set one.")
    experienceYears = experience_field()
    notes = notes_field()


class CandidateUpdateSchema(OwnProfileUpdateSchema):
    """What staff may change of a candidate; what is left out stays."""

    name = candidate_name_field()
    status = Choice("Whether the account can be used.", SETTABLE_STATUS)
    experienceYears = experience_field()
    notes = notes_field()
    lotStatus = Choice("How far the candidate has come.", LotStatus)


class ProfileRefSchema(Schema):
    """A profile, as its candidate and staff see it."""

    id = Id("The profile's id.", attribute="_id")
    resumeUrl = resume_field()
    portfolioUrl = portfolio_field()
    skills = skills_field()
    tags = tags_field()
    experienceYears = experience_field()
    createdAt = Timestamp("When the profile was made.")
    updatedAt = Timestamp("When the profile was last changed.")


class OwnProfileSchema(ProfileRefSchema):
    """A candidate's own profile."""

    user = Part(UserSchema, "The candidate's account.")


class StaffProfileSchema(ProfileRefSchema):
    """A profile, as staff see it in lists."""

    notes = notes_field()
    lotStatus = Choice("How far the candidate has come.", LotStatus)


class LotStatusChangeSchema(Schema):
    status = Choice("What the candidate's status became.", LotStatus)
    at = Timestamp("When.")
    by = Id("The id of the account that caused it.")
    lot = Id("The id of the lot that it came with, or null.", allow_none=True, dump_default=None)


class ProfileSchema(StaffProfileSchema):
    """A profile with its history, as staff see it."""

    lotStatusHistory = ListOf(
        Part(LotStatusChangeSchema, "A change."),
        "The last changes of `lotStatus`, oldest first.",
        most=MAX_HISTORY,
    )


class CandidateItemSchema(UserRefSchema):
    """A candidate in a list."""

    status = Choice("Whether the account can be used.", UserStatus)
    phone = phone_field()
    timezone = timezone_field()
    notificationChannel = channel_field()
    createdAt = Timestamp("When the account was made.")
    profile = Part(StaffProfileSchema, "The profile.")


class CandidateSchema(CandidateItemSchema):
    """A candidate with the whole profile."""

    profile = Part(ProfileSchema, "The profile.")


class CandidateCreatedSchema(Schema):
    user = Part(UserSchema, "The new account.")
    profile = Part(ProfileSchema, "The new profile.")


class CandidateEnvelope(Schema):
    candidate = Part(CandidateSchema, "The candidate.")


class OwnProfileEnvelope(Schema):
    profile = Part(OwnProfileSchema, "The caller's own profile.")


class CandidateQuery(PageQuery):
    q = Text(
        "Only candidates with a name or e-mail address in which every word of this begins a word,"
        " whatever its case and accents.",
        least=1,
        most=100,
        example="ada",
    )
    skill = Text("Only candidates with this skill.", least=1, most=64, example="python")
    tag = Text("Only candidates with this tag.", least=1, most=64, example="backend")
    lotStatus = Choice("Only candidates who have come this far.", LotStatus)
    status = Choice("Only candidates whose accounts are in this state.", UserStatus)


class CandidatePageSchema(PageEnvelope):
    candidates = ListOf(
        Part(CandidateItemSchema, "A candidate."),
        "The page's candidates, newest first.",
        most=200,
    )


class ImportQuery(Schema):
    dryRun = Flag(
        "Only tell what an import would do.", example=True, strict=False, load_default=False
    )
    invite = Flag(
        "Send each new candidate an invitation. Without it nobody is written to.",
        example=False,
        strict=False,
        load_default=False,
    )


class RejectedRowSchema(Schema):
    line = Number("The line of the file that the row begins on, from 1.", least=1, example=3)
    errors = MapOf(
        ListOf(Text("A fault.", most=1_000), "What is wrong with the cell.", most=50),
        "What is wrong with the row, by column.",
        most=50,
        example={"email": ["Not a valid email address."]},
    )


class DuplicateRowSchema(Schema):
    line = Number("The line of the file that the row begins on, from 1.", least=1, example=4)
    email = Email("The e-mail address, in the form in which it is kept.")
    firstLine = Number(
        "The line of the first row with this address; null where an account has it already.",
        least=1,
        example=2,
        allow_none=True,
    )


class ImportReportSchema(Schema):
    created = Number("How many candidates were, or on a dry run would be, made.", example=2)
    skipped = Number(
        "How many rows hold an e-mail address that an account or an earlier row has.", example=1
    )
    duplicates = ListOf(
        Part(DuplicateRowSchema, "A row."),
        "The first of the rows that were skipped.",
        most=MAX_LISTED,
    )
    rejectedCount = Number("How many rows could not be taken.", example=1)
    rejected = ListOf(
        Part(RejectedRowSchema, "A row."),
        "The first of the rows that could not be taken.",
        most=MAX_LISTED,
    )
    unknownColumns = ListOf(
        Text("A column's name.", most=64),
        "The columns that were passed over.",
        most=100,
        example=["shoeSize"],
    )
