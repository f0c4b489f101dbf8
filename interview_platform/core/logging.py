"""Logging: JSON lines in production, plain lines elsewhere, each with its request's id."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from dataclasses import dataclass

import orjson

from .clock import isoformat, utcnow


@dataclass(frozen=True)
class Origin:
    """Where the work at hand comes from: a request's or a job's id, and the caller's address."""

    request_id: str
    address: str | None = None


origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


class _WithRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        current = origin.get()
        record.request_id = current.request_id if current else "-"
        return True


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": isoformat(utcnow()),
            "level": record.levelname.lower(),
            "logger": record.name,
            "requestId": getattr(record, "request_id", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def configure(level: str, *, json_lines: bool) -> None:
    """Send every logger's records to stderr at `level`, replacing handlers set before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_WithRequestId())
    handler.setFormatter(
        _JsonLines()
        if json_lines
        else logging.Formatter("%(asctime)s %(levelname)-7s %(request_id)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in (
        "pymongo",
        "engineio",
        "socketio",
        "geventwebsocket",
        "python_http_client",
        "urllib3",
        "twilio",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)
