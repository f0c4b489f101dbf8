"""Collecting gaze: checked, gathered in buckets, and stored with an entry in the log.

Samples wait in this process until their bucket is full or `STRETCH` seconds old, so that a
second of gaze is not many writes. What comes while the store lags is refused and not kept:
telemetry is the first thing to go.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Thread
from typing import Any, NamedTuple

import orjson
from bson import ObjectId
from msgspec.structs import replace
from pymongo.errors import PyMongoError

from ..auth.model import Actor
from ..core.clock import from_milliseconds, milliseconds, utcnow
from ..core.condition import condition
from ..core.errors import Forbidden, ServiceError, Unavailable
from ..core.mongo import Document, describe
from ..core.promise import Promise, all_done
from ..session_log.service import SessionLog, log_actor
from .attention import Summary
from .clocks import ClientClock
from .consents import ConsentService
from .model import Consent, Kind, Sample, Stretch
from .repository import GazeRepository
from .samples import pack, read_metrics
from .streams import Bucket, Stream, summarize

log = logging.getLogger(__name__)

# All in seconds: how long samples wait at most, when it is asked anew whether candidates
# consent, of all at once and of one whose answer has become older, how often is looked for
# what waits, and when a silent stream is forgotten.
STRETCH = 5.0
REREAD_ALL = 1.5
REREAD = 3.0
LOOK = 0.25
SILENCE = 150.0

# What may wait in one process, in bytes; beyond it, samples are refused.
MAX_WAITING = 16 * 1024 * 1024
# What a sample weighs without its metrics, roughly.
_SAMPLE_BYTES = 120

NEEDS_CONSENT = "Gaze needs the candidate's consent"
LAGS = "Gaze cannot be stored right now"


class Recorded(NamedTuple):
    """The promise of a log entry's number, and the stretches that are to be told of now.

    `samples` are those that were taken; `clock_offset` was added to their times, in ms.
    """

    stored: Promise[int]
    alerts: list[Stretch]
    samples: Sequence[Sample]
    clock_offset: int


@dataclass(slots=True, eq=False)
class _Watch:
    """An interview whose gaze this process collects."""

    streams: dict[str, Stream] = field(default_factory=dict)
    # Until when a stretch that was told of has gone on, in ms since the epoch.
    told: dict[Kind, int] = field(default_factory=dict)
    consent: Consent | None = None
    # When it was asked for, on the monotonic clock, and how often it was said to have changed.
    asked_at: float = float("-inf")
    changes: int = 0

    def learn(self, consent: Consent | None, asked_at: float, changes: int) -> None:
        """Take an answer that was asked for when the consent had changed so often."""
        if asked_at < self.asked_at:
            return
        self.consent = consent
        if self.changes == changes:
            self.asked_at = asked_at


class GazeRecorder:
    """Without `require_consent`, gaze is collected until the candidate says no.

    Its thread starts with the first event; under gevent it is a greenlet.
    """

    def __init__(
        self,
        gaze: GazeRepository,
        consents: ConsentService,
        session_log: SessionLog,
        *,
        require_consent: bool,
    ) -> None:
        self._gaze = gaze
        self._consents = consents
        self._log = session_log
        self._require_consent = require_consent
        self._watches: dict[ObjectId, _Watch] = {}
        self._unended: dict[Promise[int], ObjectId] = {}
        self._waiting = 0
        self._closed = False
        self._started = False
        self._away = False
        # Guards all of the above; told of work.
        self._changed = condition()

    @property
    def waiting(self) -> int:
        """How many bytes of samples wait for the store, roughly."""
        return self._waiting

    def record(
        self,
        interview_id: ObjectId,
        socket_id: str,
        actor: Actor,
        samples: Sequence[Sample],
        clock: ClientClock | None = None,
        sent: int | None = None,
    ) -> Recorded:
        """Take one or more samples that the candidate sent, and store them some time later.

        Their times are corrected by the client's `clock`; `sent` is when it sent them by that
        clock, in ms since the epoch, where it tells.

        The promise is that of their bucket's entry in the log. It ends with `Forbidden`
        where consent was withdrawn meanwhile, and with `Unavailable` where the store is
        away. Raises `Forbidden` without consent, `Invalid` for times that cannot be taken,
        and `Unavailable` where too much waits.
        """
        self._check_consent(interview_id)
        with self._changed:
            stream = self._stream(interview_id, socket_id, actor)
            now = utcnow()
            arrived, clock = milliseconds(now), clock or ClientClock()
            first, last = samples[0].t, samples[-1].t
            offset = clock.correct(arrived, first, last, sent)
            taken = [replace(each, t=each.t + offset) for each in samples] if offset else samples
            recorded = self._take_in(
                interview_id, stream, taken, "samples", 0, now=now, clock_offset=offset
            )
            clock.took(arrived, last, sent)
            return recorded

    def record_metrics(
        self, interview_id: ObjectId, socket_id: str, actor: Actor, metrics: dict[str, Any]
    ) -> Recorded:
        """Take the metrics of an older client, as one sample of this moment; else as `record`."""
        self._check_consent(interview_id)
        size = len(orjson.dumps(metrics))
        with self._changed:
            stream = self._stream(interview_id, socket_id, actor)
            sample = read_metrics(metrics, max(milliseconds(utcnow()), stream.last))
            return self._take_in(
                interview_id,
                stream,
                [sample],
                "metrics",
                size,
                now=utcnow(),
                clock_offset=stream.clock_offset,
            )

    def end(self, interview_id: ObjectId, socket_id: str) -> None:
        """Store what waits of a socket that sends no more; never waits."""
        with self._changed:
            watch = self._watches.get(interview_id)
            if watch and socket_id in watch.streams:
                watch.streams[socket_id].ended = True
                self._changed.notify()

    def recheck(self, interview_id: str) -> None:
        """Ask for the consent of an interview anew, since it has changed; never waits."""
        with self._changed:
            if watch := self._watches.get(ObjectId(interview_id)):
                watch.changes += 1
                watch.asked_at = float("-inf")
                for stream in watch.streams.values():
                    # What follows begins anew, and does not go on from what may be dropped.
                    stream.ended = True
                self._changed.notify()

    def flush(self, interview_id: ObjectId | None = None, timeout: float | None = None) -> bool:
        """Store what waits, of one interview or of all, and wait until that has ended.

        Returns False after `timeout` seconds.
        """
        with self._changed:
            for each, watch in self._watches.items():
                if interview_id in (None, each):
                    self._hurry(watch)
            unended = [
                stored for stored, each in self._unended.items() if interview_id in (None, each)
            ]
        return all_done(unended, timeout)

    def close(self, timeout: float | None = 5.0) -> None:
        """Flush for at most `timeout` seconds, and take no more."""
        self.flush(timeout=timeout)
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _check_consent(self, interview_id: ObjectId) -> None:
        watch = self._watches.get(interview_id)
        if watch is None or time.monotonic() - watch.asked_at >= REREAD:
            with self._changed:
                watch = self._watch(interview_id)
            self._ask({interview_id: watch})
        if not (watch.consent.gaze if watch.consent else not self._require_consent):
            raise Forbidden(NEEDS_CONSENT)

    def _ask(self, watches: Mapping[ObjectId, _Watch]) -> None:
        """Ask anew for the consents of interviews."""
        asked_at = time.monotonic()
        changes = {each: watch.changes for each, watch in watches.items()}
        consents = self._consents.current_by_ids(watches.keys())
        with self._changed:
            for each, watch in watches.items():
                watch.learn(consents.get(each), asked_at, changes[each])

    # Under the lock:

    def _watch(self, interview_id: ObjectId) -> _Watch:
        if not self._started:
            self._started = True
            Thread(target=self._run, name="gaze", daemon=True).start()
        if interview_id not in self._watches:
            self._watches[interview_id] = _Watch()
            self._changed.notify()
        return self._watches[interview_id]

    def _stream(self, interview_id: ObjectId, socket_id: str, actor: Actor) -> Stream:
        if self._closed or self._waiting >= MAX_WAITING:
            raise Unavailable(LAGS)
        watch = self._watch(interview_id)
        stream = watch.streams.get(socket_id)
        if stream is None:
            stream = watch.streams[socket_id] = Stream(interview_id, socket_id, actor)
        stream.ended = False
        return stream

    def _take_in(
        self,
        interview_id: ObjectId,
        stream: Stream,
        samples: Sequence[Sample],
        name: str,
        size: int,
        *,
        now: datetime,
        clock_offset: int,
    ) -> Recorded:
        stream.check(samples, now, name)
        size += len(samples) * _SAMPLE_BYTES
        stored, passed = stream.add(samples, size, now, clock_offset)
        self._waiting += size
        self._unended[stored] = interview_id
        stored.add_done_callback(self._forget)
        news = self._news(self._watches[interview_id], stream, passed)
        return Recorded(stored, news, samples, clock_offset)

    def _news(self, watch: _Watch, stream: Stream, passed: list[Stretch]) -> list[Stretch]:
        """Return those of the stretches that nobody was told of; two sockets may see the same."""
        news = [stretch for stretch in passed if stretch.start > watch.told.get(stretch.kind, -1)]
        for stretch in (*passed, *stream.going_on):
            watch.told[stretch.kind] = max(stretch.end, watch.told.get(stretch.kind, -1))
        return news

    def _hurry(self, watch: _Watch) -> None:
        for stream in watch.streams.values():
            stream.hurried = True
        self._changed.notify()

    def _due(self) -> list[tuple[Bucket, Summary]]:
        """Take out the buckets that are to be stored now; forgets who has gone silent."""
        now = time.monotonic()
        due = []
        for interview_id, watch in list(self._watches.items()):
            for socket_id, stream in list(watch.streams.items()):
                while stream.is_due(now - STRETCH) and (taken := stream.take()):
                    due.append(taken)
                if stream.is_empty and (stream.ended or stream.active < now - SILENCE):
                    del watch.streams[socket_id]
            if not watch.streams and watch.asked_at < now - SILENCE:
                del self._watches[interview_id]
        return due

    # Not under the lock:

    def _forget(self, stored: Promise[int]) -> None:
        with self._changed:
            self._unended.pop(stored, None)

    def _run(self) -> None:
        while not self._closed:
            with self._changed:
                self._changed.wait(LOOK if self._watches else None)
                due = self._due()
            if due:
                self._store(due)
            self._ask_all()

    def _ask_all(self) -> None:
        """Ask for all consents at once, so that events need not ask each for one."""
        before = time.monotonic() - REREAD_ALL
        with self._changed:
            watches = {each: watch for each, watch in self._watches.items() if watch.streams}
        if all(watch.asked_at > before for watch in watches.values()):
            return
        # While the store is away, events find that out for themselves.
        with suppress(PyMongoError):
            self._ask(watches)

    def _store(self, due: list[tuple[Bucket, Summary]]) -> None:
        """Store buckets, and keep or break the promises of all that is in them."""
        try:
            documents = [
                (bucket, self._document(bucket, summary))
                for bucket, summary in self._permitted(due)
            ]
            if documents:
                self._gaze.add([document for _, document in documents])
        except PyMongoError as error:
            self._lost(error)
            self._refuse(due)
        except Exception:
            log.exception("gaze was not stored")
            self._refuse(due)
        else:
            self._away = False
            for bucket, document in documents:
                self._write(bucket, document)
        finally:
            with self._changed:
                self._waiting -= sum(bucket.size for bucket, _ in due)

    def _permitted(self, due: list[tuple[Bucket, Summary]]) -> Iterator[tuple[Bucket, Summary]]:
        """Yield what was collected while the candidate consented; the rest is refused."""
        consents = self._consents.current_by_ids({bucket.interview_id for bucket, _ in due})
        refusal = Forbidden(NEEDS_CONSENT)
        for bucket, summary in due:
            consent = consents.get(bucket.interview_id)
            if consent is None and self._require_consent:
                bucket.end(refusal)
            elif consent is None or consent.gaze:
                yield bucket, summary
            else:
                dropped = bucket.drop_since(consent.at, refusal)
                if bucket.arrivals:
                    yield bucket, summarize(bucket.samples) if dropped else summary

    def _document(self, bucket: Bucket, summary: Summary) -> Document:
        samples = bucket.samples
        packed = pack(samples)
        return {
            "_id": ObjectId(),
            "interview": bucket.interview_id,
            "candidate": bucket.actor.user_id,
            "socket": bucket.socket_id,
            "from": from_milliseconds(samples[0].t),
            "to": from_milliseconds(samples[-1].t),
            "count": len(samples),
            "samples": packed.content,
            "digest": packed.digest,
            "clockOffset": bucket.clock_offset,
            "summary": summary.document,
            "createdAt": utcnow(),
        }

    def _write(self, bucket: Bucket, document: Document) -> None:
        """Log a bucket that is stored."""
        kept = {name: document[name] for name in ("from", "to", "count", "digest")}
        data = {"event": "gaze", "bucket": document["_id"], **kept}
        if bucket.clock_offset:
            data["clockOffset"] = bucket.clock_offset
        actor = log_actor(bucket.actor)
        try:
            entry = self._log.append(bucket.interview_id, "eye-tracking", actor, data)
        except ServiceError as error:
            bucket.end(error)
            return

        def end(done: Promise[int]) -> None:
            error = done.exception()
            bucket.end(error if isinstance(error, Exception) else done.result())

        entry.stored.add_done_callback(end)

    def _refuse(self, due: list[tuple[Bucket, Summary]]) -> None:
        for bucket, _ in due:
            bucket.end(Unavailable(LAGS))

    def _lost(self, error: PyMongoError) -> None:
        if not self._away:
            self._away = True
            log.warning("gaze cannot be stored and is dropped: %s", describe(error))
