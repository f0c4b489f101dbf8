"""Reading what the driver found; what was not carried is not measured."""

from __future__ import annotations

from typing import Any

from ..sides import Side

DRIVER_BUSY = 0.9
"""Share of a core beyond which the driver itself may be what is slow."""


class NotCarriedError(Exception):
    """The side did not do all of what it was asked to."""


def checked(side: Side, found: dict[str, Any]) -> dict[str, Any]:
    """Return what the driver found. Raises `NotCarriedError` unless all of it was done."""
    for each in (*found["rooms"], *found["calls"]):
        if each["missing"] or each["failed"]:
            raise NotCarriedError(
                f"{side.name}: {each['missing']} answers are missing and {each['failed']} "
                f"are refusals, such as {each['failures']}"
            )
    return found


def driver_note(*founds: dict[str, Any]) -> str:
    """Return a warning where the driver was too busy for its times to be believed."""
    busiest = max(found["driver"] for found in founds)
    return f"driver busy {busiest:.0%}" if busiest > DRIVER_BUSY else ""
