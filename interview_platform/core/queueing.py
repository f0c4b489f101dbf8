"""RQ: putting work on the queue, and seeing how it fares. The store is the truth, not the queue."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import as_text, utcparse
from rq.worker_registration import get_keys

from .clock import utcnow

log = logging.getLogger(__name__)

NOTIFICATION_QUEUE = "notification-queue"

# A worker shows a sign of life at least every 5 s (`jobs/worker.py`).
SILENCE = timedelta(seconds=25)

# How long RQ keeps what became of a job, in seconds.
_KEEP_RESULT = 60
_KEEP_FAILURE = 86_400


def notification_queue(redis: Redis) -> Queue:
    """Return the queue that the worker works on.

    Jobs are JSON, since to unpickle is to run whatever somebody could write to Redis.
    """
    return Queue(NOTIFICATION_QUEUE, connection=redis, serializer=JSONSerializer)


class JobQueue:
    """Enqueues jobs by their dotted names, so that web never imports what the worker runs.

    What does not say otherwise raises redis.exceptions.RedisError where Redis cannot be
    reached.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue = notification_queue(redis)

    def enqueue_each(self, function: str, arguments: Sequence[str], *, timeout: timedelta) -> bool:
        """Enqueue `function(argument)` for each of `arguments`, in one round trip.

        A job that has run for `timeout` is ended. Returns False where Redis cannot be
        reached; some of the jobs may be on the queue all the same.
        """
        jobs = [
            Queue.prepare_data(
                function,
                (argument,),
                timeout=math.ceil(timeout.total_seconds()),
                result_ttl=_KEEP_RESULT,
                failure_ttl=_KEEP_FAILURE,
            )
            for argument in arguments
        ]
        try:
            self._queue.enqueue_many(jobs)
        except RedisError as error:
            log.warning("queue unreachable, %d jobs are left for later: %s", len(jobs), error)
            return False
        return True

    def enqueue_once(
        self,
        function: str,
        *,
        job_id: str,
        patience: timedelta,
        timeout: timedelta = timedelta(minutes=3),
    ) -> None:
        """Enqueue `function()` unless a job of this `job_id` was.

        The job is dropped if nobody has started it within `patience`, and ended when it has
        run for `timeout`.
        """
        try:
            self._queue.enqueue(
                function,
                job_id=job_id,
                unique=True,
                ttl=math.ceil(patience.total_seconds()),
                job_timeout=math.ceil(timeout.total_seconds()),
                result_ttl=_KEEP_RESULT,
                failure_ttl=_KEEP_RESULT,
            )
        except DuplicateJobError:
            log.debug("job %s was enqueued before", job_id)

    def depth(self) -> int:
        """Return how many jobs wait."""
        return self._queue.count

    def oldest_age(self) -> float:
        """Return for how many seconds the job at the queue's head has waited, 0 without one."""
        head = self._redis.lindex(self._queue.key, 0)
        enqueued_at = self._redis.hget(Job.key_for(as_text(head)), "enqueued_at") if head else None
        return max(_age(enqueued_at).total_seconds(), 0.0) if enqueued_at else 0.0


def workers_alive(redis: Redis) -> bool:
    """Tell whether a worker has shown a sign of life lately.

    Raises redis.exceptions.RedisError where Redis cannot be reached.
    """
    with redis.pipeline(transaction=False) as pipeline:
        for key in get_keys(notification_queue(redis)):
            pipeline.hget(key, "last_heartbeat")
        return any(beat and _age(beat) < SILENCE for beat in pipeline.execute())


def _age(stamp: bytes | str) -> timedelta:
    moment: datetime = utcparse(as_text(stamp))
    return utcnow() - moment
