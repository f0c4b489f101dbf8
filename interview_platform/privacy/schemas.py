"""What the interface says of a person's data."""

from __future__ import annotations

from ..core.fields import Json, ListOf, Timestamp
from ..core.schemas import Schema
from ..core.text_fields import AccountEmail

# What a section's items hold is as it is kept, so only their number and their size are told.
MAX_ITEM_BYTES = 16 * 1024 * 1024
MAX_ITEMS = 2**31 - 1


def section(description: str) -> Json:
    return Json(description, most=MAX_ITEM_BYTES, example={})


def items(description: str) -> ListOf:
    return ListOf(section("As it is kept."), description, most=MAX_ITEMS, example=[])


class ExportSchema(Schema):
    """All that is kept of a person; bytes are spelled in base64."""

    exportedAt = Timestamp("When this was put together.")
    account = section("The account, without its password's hash.")
    sessions = items("From when to when they are logged in.")
    links = items("Links to set a password that were sent and can be used still.")
    knownNetworks = items("Where from they have logged in within the last 90 days.")
    profile = section("The profile, with what staff noted and how far they have come.")
    lots = items("The lots that they are in.")
    draws = items("Which draws picked them: for which lot, how, when, and with which score.")
    notifications = items("What they were sent, or were to be.")
    interviews = items(
        "Their interviews: what came of each, their consent, the code as it was in the end, "
        "what was measured of their gaze, and what the log has of them."
    )
    mediaTokens = items("Tokens for picture and sound of the last days: for which room, and when.")
    audit = items("What they did, and what others did to their account.")


class ErasureSchema(Schema):
    confirm = AccountEmail(
        "The candidate's e-mail address, so that nobody is erased by mistake.", required=True
    )
