"""The worker process: `python -m jobs.worker`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from datetime import timedelta
from threading import Semaphore, Thread
from types import FrameType
from typing import Any, NoReturn, cast

from redis import Redis
from redis.client import Pipeline, PubSubWorkerThread
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from rq.worker import SimpleWorker

from interview_platform.core import logging as service_logging
from interview_platform.core import redis
from interview_platform.core.queueing import JobQueue, notification_queue
from interview_platform.core.settings import Settings, SettingsError

from . import context, notifications

# Named by what is enqueued, and loaded before it is.
from . import maintenance as maintenance

log = logging.getLogger(__name__)

SWEEP = "jobs.maintenance.sweep"

# Seconds. RQ's own defaults recover the work of a lost worker after 9 minutes.
WORKER_TTL = 25
MAINTENANCE_INTERVAL = 5
REDIS_RETRY_INTERVAL = 1
# Between two signs of life, which RQ would give thrice a job.
BEAT_INTERVAL = 1.0
# How often a worker whose threads are all at work looks whether it shall stop.
LOOK_INTERVAL = 0.5
# What jobs get to end when the worker is told to; a platform kills it after 10 s or more.
STOP_WITHIN = 8.0

SIDE_BY_SIDE = 32
"""Jobs that one worker has at work: each waits for a provider nearly all of its time."""


class Scheduler(RQScheduler):
    """Enqueues retries when they are due, in a thread.

    Not in a fork, as RQ has it: that would wait for ever for locks that other threads held.
    """

    def start(self) -> Thread:
        self._status = self.Status.STARTED
        thread = Thread(target=self._run, name="scheduler", daemon=True)
        self._process: Any = thread
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            self.work()
        except RedisError as error:
            log.warning("retries wait: %s", error)

    def _install_signal_handlers(self) -> None:
        """Leave signals to the worker."""


class NotificationWorker(SimpleWorker):
    """Works on one queue, on several jobs side by side, and has the outbox swept now and then.

    Each job has a thread of its own. What is killed with the process is found by the sweep.
    """

    max_connection_wait_time = float(MAINTENANCE_INTERVAL)
    # Signals, which RQ times jobs by where it forks, reach the main thread alone.
    death_penalty_class = TimerDeathPenalty

    def __init__(self, connection: Redis) -> None:
        super().__init__(
            [notification_queue(connection)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            maintenance_interval=MAINTENANCE_INTERVAL,
            job_monitoring_interval=MAINTENANCE_INTERVAL,
        )
        self.stopping = False
        self._jobs = JobQueue(connection)
        self._free = Semaphore(SIDE_BY_SIDE)
        self._beat_at = 0.0

    @property
    def dequeue_timeout(self) -> int:
        # An idle worker must come around for its maintenance.
        return MAINTENANCE_INTERVAL

    def run_maintenance_tasks(self) -> None:
        super().run_maintenance_tasks()
        # One id an interval, however many workers there are.
        interval = timedelta(seconds=MAINTENANCE_INTERVAL)
        slot = int(time.time() / interval.total_seconds())
        self._jobs.enqueue_once(SWEEP, job_id=f"sweep-{slot}", patience=2 * interval)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        if pipeline is not None or time.monotonic() - self._beat_at > BEAT_INTERVAL:
            super().heartbeat(timeout, pipeline)
            self._beat_at = time.monotonic()

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Return the next job once there is a thread for it."""
        while not self._free.acquire(timeout=LOOK_INTERVAL):
            if self._stop_requested:
                raise StopRequested
            self.heartbeat()
        try:
            return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
        except BaseException:
            self._free.release()
            raise

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Have a thread work on the job."""
        try:
            work = (job, queue, self.prepare_execution(job))
            Thread(target=self._work, args=work, name=job.id, daemon=True).start()
        except BaseException:
            self._free.release()
            raise

    def _work(self, job: Job, queue: Queue, execution: Execution) -> None:
        try:
            self.perform_job(job, queue, execution)
        finally:
            self._free.release()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping = True
        super().request_stop(signum, frame)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        service_logging.origin.set(service_logging.Origin(job.id))
        return super().perform_job(job, queue, execution)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        # Foreseen, and told by the service already: a traceback would say no more.
        if not isinstance(exc_info[1], notifications.DeliveryFailed):
            super().handle_exception(job, *exc_info)

    def teardown(self) -> None:
        self._finish()
        try:
            super().teardown()
        except RedisError as error:
            log.warning("cannot sign off: %s", error)
            listener = cast(PubSubWorkerThread | None, self.pubsub_thread)
            if listener:
                listener.stop()

    def _finish(self) -> None:
        """Wait for the jobs that are at work, within `STOP_WITHIN` seconds."""
        end = time.monotonic() + STOP_WITHIN
        for ended in range(SIDE_BY_SIDE):
            if not self._free.acquire(timeout=max(0.0, end - time.monotonic())):
                log.warning("%d jobs are left to the next sweep", SIDE_BY_SIDE - ended)
                return

    def _start_scheduler(self, *args: Any, **kwargs: Any) -> None:
        self.scheduler = Scheduler(
            self.queues,
            connection=self.connection,
            logging_level=logging.WARNING,
            serializer=JSONSerializer,
            # The same after Redis was away, so that the lock from before is taken up again.
            name=f"{self.hostname}-{self.pid}",
        )
        self.scheduler.acquire_locks(auto_start=True)
        context.prepare()

    def stop_scheduler(self) -> None:
        """Have the scheduler end, and wait until it has."""
        scheduler = cast(Scheduler, self.scheduler)
        scheduler.request_stop()
        if scheduler._process:
            scheduler._process.join(STOP_WITHIN)


def run(url: str) -> None:
    """Work until told to stop, through every absence of the Redis at `url`."""
    connection = redis.connect(url, timeout=None)
    while True:
        signal.signal(signal.SIGTERM, _exit)
        signal.signal(signal.SIGINT, _exit)
        try:
            connection.ping()
            worker = NotificationWorker(connection)
            log.info("working on %s", ", ".join(worker.queue_names()))
            worker.work(with_scheduler=True, logging_level="WARNING")
            if worker.stopping:
                return
        except StopRequested:
            return
        except RedisError as error:
            log.warning("waiting for Redis: %s", error)
        time.sleep(REDIS_RETRY_INTERVAL)


def _exit(_signum: int, _frame: FrameType | None) -> NoReturn:
    # Nothing is at work yet.
    os._exit(0)


def main() -> int:
    """Run a worker configured by the environment; returns the exit status."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    service_logging.configure(settings.log_level, json_lines=settings.production)
    run(settings.redis_url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
