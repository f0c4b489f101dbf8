"""Prometheus metrics of one web process (the text exposition format, 0.0.4)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from functools import cache, partial

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts requests, and reads gauges from whoever knows their value when scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Histogram(
            "http_request_seconds",
            "Time that requests took, by route.",
            ["method", "route"],
            buckets=(0.005, 0.02, 0.1, 0.5, 2.5),
            registry=self.registry,
        )
        self._responses = Counter(
            "http_responses", "Responses, by status.", ["status"], registry=self.registry
        )
        # Looking a child up by its labels costs more than counting does; there are few.
        self._taking = cache(self._requests.labels)
        self._answering = cache(self._responses.labels)

    def gauges(self, values: Mapping[str, Callable[[], float]]) -> None:
        """Add gauges; each is a metric's name and how to read it."""
        for name, read in values.items():
            gauge = Gauge(name, name.replace("_", " ").capitalize() + ".", registry=self.registry)
            gauge.set_function(partial(_read, read))

    def observe(self, app: Flask) -> None:
        """Measure every request of `app`."""
        app.after_request(self._after)

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def count(self, status: int, method: str, route: str | None, seconds: float) -> None:
        """Count a request that took `seconds`; `route` is None where no route has it."""
        self._answering(str(status)).inc()
        if route:
            self._taking(method, route).observe(seconds)

    def _after(self, response: Response) -> Response:
        route = request.endpoint if "started" in g else None
        seconds = time.perf_counter() - g.started if route else 0.0
        self.count(response.status_code, request.method, route, seconds)
        return response


def _read(read: Callable[[], float]) -> float:
    try:
        return read()
    except Exception:  # noqa: BLE001 - the other metrics are wanted most when a part is away
        return math.nan
