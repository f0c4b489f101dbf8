"""Messages in words: subject, text, HTML and SMS from the files in `templates/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_datetime
from babel.units import format_unit
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ..auth.accounts import Purpose, Recipient
from ..core.text import one_line, without_links

TEMPLATES = frozenset(
    {
        "interview_scheduled",
        "interview_rescheduled",
        "interview_cancelled",
        "account_invitation",
        "password_reset",
    }
)

# Templates that carry a link which can be used once. They go by e-mail alone: that the
# address is theirs is what the link proves.
ONE_USE_LINKS: Mapping[str, Purpose] = {
    "account_invitation": "invitation",
    "password_reset": "reset",
}

LOCALE = "en"

_OPTIONAL: Mapping[str, Any] = {"previousStart": None, "reason": None}


class InterviewContext(TypedDict):
    """What a message about an interview is made of, for one of its two sides.

    `counterpart` is the other side's name. `interview_rescheduled` tells `previousStart`
    and `interview_cancelled` its `reason`, where they are given.
    """

    audience: Literal["candidate", "interviewer"]
    counterpart: str
    start: datetime
    end: datetime
    previousStart: NotRequired[datetime | None]
    reason: NotRequired[str | None]


@dataclass(frozen=True)
class Message:
    """A message in the forms that channels take; `sms` is None where it has none."""

    subject: str
    text: str
    html: str
    sms: str | None


class Renderer:
    """Renders messages in the recipient's time zone."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self, template: str, recipient: Recipient, context: Mapping[str, Any], link: str
    ) -> Message:
        """Render `template` for `recipient`, with `link` as the place to go to.

        Names are shown without what mail programs would make links of.
        """
        zone = _zone(recipient.timezone)
        values: dict[str, Any] = {
            name: one_line(value) if isinstance(value, str) else value
            for name, value in {**_OPTIONAL, **context}.items()
        }
        if "counterpart" in values:
            values["counterpart"] = without_links(values["counterpart"])
        values |= {
            "name": without_links(one_line(recipient.name)),
            "link": link,
            "day_and_time": lambda moment: _day_and_time(moment, zone),
            "short_time": lambda moment: _short_time(moment, zone),
            "duration": _duration,
        }
        heading, _, text = self._fill(f"{template}.txt", values).partition("\n\n")
        return Message(
            subject=one_line(heading.removeprefix("Subject:")),
            text=text,
            html=self._fill(f"{template}.html", values),
            sms=None
            if template in ONE_USE_LINKS
            else self._fill(f"{template}.sms", values).strip(),
        )

    def _fill(self, file: str, values: Mapping[str, Any]) -> str:
        return self._environment.get_template(file).render(values)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _day_and_time(moment: datetime, zone: tzinfo) -> str:
    """Spell `moment` like "Tuesday, 3 March 2026 at 22:30 Japan Standard Time (Asia/Tokyo)"."""
    words = format_datetime(moment, "EEEE, d MMMM y 'at' HH:mm zzzz", tzinfo=zone, locale=LOCALE)
    return f"{words} ({zone})"


def _short_time(moment: datetime, zone: tzinfo) -> str:
    """Spell `moment` like "Tue 3 Mar 2026, 22:30 (Asia/Tokyo)"."""
    words = format_datetime(moment, "EEE d MMM y, HH:mm", tzinfo=zone, locale=LOCALE)
    return f"{words} ({zone})"


def _duration(start: datetime, end: datetime) -> str:
    minutes = round((end - start).total_seconds() / 60)
    return format_unit(minutes, "duration-minute", locale=LOCALE)
