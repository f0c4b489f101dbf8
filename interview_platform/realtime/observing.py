"""What is observed of the candidate: their gaze, and first of all their consent to it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from bson import ObjectId
from msgspec import Meta

from ..core.broadcast import Broadcaster
from ..core.clock import isoformat
from ..interviews.rooms import room_of
from ..telemetry.model import Sample, Stretch
from ..telemetry.service import Consent, ConsentService, GazeRecorder
from .acknowledgements import Acknowledgement, acknowledge
from .connections import Connection, Membership
from .events import ClientTime, RoomEvent, bound_json
from .handlers import Answer, Handlers, RoomHandler
from .proceedings import Audience, Proceedings
from .rooms import Rooms

MAX_SAMPLES = 600
MAX_METRICS_BYTES = 16 * 1024
MAX_METRICS_DEPTH = 8


class EyeTracking(RoomEvent):
    """Samples, whose units `Sample` tells, or an older client's metrics of its own making."""

    samples: Annotated[list[Sample], Meta(min_length=1, max_length=MAX_SAMPLES)] | None = None
    metrics: dict[str, Any] | None = None
    # When it is sent.
    clientTime: ClientTime | None = None

    def __post_init__(self) -> None:
        if (self.samples is None) == (self.metrics is None):
            raise ValueError("samples: either these or metrics are needed")
        if self.metrics is not None:
            bound_json("metrics", self.metrics, MAX_METRICS_BYTES)
            _check_storable(self.metrics, MAX_METRICS_DEPTH)


class GiveConsent(RoomEvent):
    gaze: bool
    recording: bool


class Observing:
    """Gaze is told to the staff at once, and stored in stretches of a few seconds."""

    def __init__(
        self,
        *,
        proceedings: Proceedings,
        rooms: Rooms,
        consents: ConsentService,
        gaze: GazeRecorder,
        broadcaster: Broadcaster,
    ) -> None:
        self._proceedings = proceedings
        self._rooms = rooms
        self._consents = consents
        self._gaze = gaze
        broadcaster.on(ConsentService.TOPIC, gaze.recheck)

    def handlers(self) -> Handlers:
        return {
            "eyeTracking": RoomHandler(EyeTracking, self._observe),
            "consent": RoomHandler(GiveConsent, self._consent, cost=5),
        }

    def left(self, connection: Connection, interview_id: ObjectId) -> None:
        """Take note that a socket has left the room; never waits."""
        self._gaze.end(interview_id, connection.socket_id)

    def _observe(self, membership: Membership, event: EyeTracking) -> Answer:
        connection, hosted = membership.connection, membership.hosted
        whose = hosted.interview_id, connection.socket_id, connection.actor
        told: dict[str, Any]
        if event.samples is not None:
            clock = connection.clock
            recorded = self._gaze.record(*whose, event.samples, clock, event.clientTime)
            told = {"samples": msgspec.to_builtins(recorded.samples)}
            if recorded.clock_offset:
                told["clockOffset"] = recorded.clock_offset
        else:
            metrics = event.metrics or {}
            recorded = self._gaze.record_metrics(*whose, metrics)
            told = {"metrics": metrics}
        told["source"] = connection.socket_id
        self._rooms.say(hosted.staff_room, "eyeTracking", told)
        for stretch in recorded.alerts:
            self._alert(membership, stretch, recorded.clock_offset)
        return acknowledge(recorded.stored)

    def _alert(self, membership: Membership, stretch: Stretch, clock_offset: int) -> None:
        told: dict[str, Any] = {
            "kind": str(stretch.kind),
            "severity": str(stretch.severity),
            "from": stretch.start,
            "to": stretch.end,
        }
        if clock_offset:
            told["clockOffset"] = clock_offset
        self._proceedings.tell(
            membership,
            "eye-tracking",
            {"event": "attention.alert", **told},
            event="attentionAlert",
            told=told,
            audience=Audience.STAFF,
        )

    def give_consent(
        self, connection: Connection, interview_id: ObjectId, *, gaze: bool, recording: bool
    ) -> Consent:
        """Keep what the candidate agrees to and tell the room. Raises as `ConsentService.give`."""
        consent = self._consents.give(
            connection.actor, interview_id, gaze=gaze, recording=recording
        )
        if consent.entry_id is not None:
            told = {
                "gaze": consent.gaze,
                "recording": consent.recording,
                "version": consent.version,
                "at": isoformat(consent.at),
                "userId": str(connection.actor.user_id),
                "id": str(consent.entry_id),
            }
            self._rooms.say(room_of(interview_id), "consent", told)
        return consent

    def _consent(self, membership: Membership, event: GiveConsent) -> Acknowledgement:
        consent = self.give_consent(
            membership.connection,
            membership.hosted.interview_id,
            gaze=event.gaze,
            recording=event.recording,
        )
        return {"ok": True, "seq": consent.seq}


def _check_storable(value: Any, depth: int) -> None:
    if isinstance(value, dict):
        if any("\0" in key or key.startswith("$") for key in value):
            raise ValueError("metrics: names must not start with $ or hold NUL")
        value = list(value.values())
    if isinstance(value, list):
        if not depth:
            raise ValueError(f"metrics: nested more than {MAX_METRICS_DEPTH} deep")
        for part in value:
            _check_storable(part, depth - 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("metrics: numbers must fit 64 bits")
