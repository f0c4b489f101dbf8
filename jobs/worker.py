"""The worker process: `python -m jobs.worker`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from datetime import timedelta
from types import FrameType
from typing import Any, NoReturn, cast

from redis import Redis
from redis.client import PubSubWorkerThread
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.worker import HerokuWorker

from interview_platform.core import logging as service_logging
from interview_platform.core import redis
from interview_platform.core.queueing import JobQueue, notification_queue
from interview_platform.core.settings import Settings, SettingsError

# Imported before the fork, so that a job does not pay for it.
from . import maintenance as maintenance
from . import notifications

log = logging.getLogger(__name__)

SWEEP = "jobs.maintenance.sweep"

# Seconds. RQ's own defaults recover the work of a lost worker after 9 minutes.
WORKER_TTL = 25
MAINTENANCE_INTERVAL = 5
REDIS_RETRY_INTERVAL = 1


class Scheduler(RQScheduler):
    """Enqueues retries when they are due. Ends with its worker, even one that was killed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._worker = os.getpid()

    def heartbeat(self) -> None:
        if os.getppid() != self._worker:
            self.request_stop()
        super().heartbeat()


class NotificationWorker(HerokuWorker):
    """Works on one queue, forks for each job, and has the outbox swept every few seconds."""

    max_connection_wait_time = float(MAINTENANCE_INTERVAL)

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
        try:
            super().teardown()
        except RedisError as error:
            log.warning("cannot sign off: %s", error)
            listener = cast(PubSubWorkerThread | None, self.pubsub_thread)
            if listener:
                listener.stop()

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
    # Nothing is at work yet, and a scheduler that was just started ends by itself.
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
