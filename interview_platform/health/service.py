"""Readiness: a look at everything that a request may need."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Readiness:
    ready: bool
    checks: dict[str, str]


class HealthService:
    """`checks` maps a part's name to a call that returns whether it is fit, or raises."""

    def __init__(self, checks: Mapping[str, Callable[[], bool]]) -> None:
        self._checks = checks

    def readiness(self) -> Readiness:
        results = {name: self._run(name, check) for name, check in self._checks.items()}
        return Readiness(
            all(results.values()), {n: "ok" if r else "failing" for n, r in results.items()}
        )

    def _run(self, name: str, check: Callable[[], bool]) -> bool:
        try:
            return check()
        except Exception as error:  # noqa: BLE001 - whatever it is, the part is not fit
            log.warning("%s is not ready: %s", name, error)
            return False
