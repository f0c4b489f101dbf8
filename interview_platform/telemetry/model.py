"""The words of telemetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from bson import ObjectId
from msgspec import Meta, Struct

MAX_FACES = 10

_Place = Annotated[float, Meta(ge=-1, le=2)]
_Faces = Annotated[int, Meta(ge=0, le=MAX_FACES)]


@dataclass(frozen=True, slots=True)
class Consent:
    """What a candidate agrees to since `at`; `version` is that of the text they were shown.

    `seq` is the number of its entry in the interview's log. `entry_id` is that entry's id
    where it has just been written, and None where nothing has changed.
    """

    interview_id: ObjectId
    candidate_id: ObjectId
    gaze: bool
    recording: bool
    version: str
    at: datetime
    seq: int
    entry_id: ObjectId | None = None


class Sample(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What was seen of the candidate at one moment; None: it is not known.

    `t` is that moment in ms since the epoch, by the client's clock. `x` and `y` are where
    on the screen they look, from its left and top edge, 0 to 1 within it. `faces` are
    those in the picture, and `focus` is whether the page has it.
    """

    t: Annotated[int, Meta(ge=0, lt=2**53)]
    x: _Place | None = None
    y: _Place | None = None
    onScreen: bool | None = None
    faces: _Faces | None = None
    focus: bool | None = None

    @property
    def on_screen(self) -> bool | None:
        """Whether they look at the screen: as they say, or by `x` and `y`."""
        if self.onScreen is not None or self.x is None or self.y is None:
            return self.onScreen
        return 0 <= self.x <= 1 and 0 <= self.y <= 1


class MetricsSample(Sample, kw_only=True):
    """A sample out of what an older client sent, which is kept with it as it was."""

    metrics: dict[str, Any]


class Kind(StrEnum):
    NO_FACE = "no_face"
    MULTIPLE_FACES = "multiple_faces"
    LOOKING_AWAY = "looking_away"
    RAPID_MOVEMENT = "rapid_movement"
    TAB_HIDDEN = "tab_hidden"


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


SEVERITIES: Mapping[Kind, Severity] = {
    Kind.NO_FACE: Severity.CRITICAL,
    Kind.MULTIPLE_FACES: Severity.CRITICAL,
    Kind.LOOKING_AWAY: Severity.WARNING,
    Kind.RAPID_MOVEMENT: Severity.WARNING,
    Kind.TAB_HIDDEN: Severity.WARNING,
}


class Stretch(NamedTuple):
    """A time over which something went on, in ms since the epoch."""

    kind: Kind
    start: int
    end: int

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.kind]
