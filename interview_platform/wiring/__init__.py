"""Every repository and service, built once a process: the web process and the jobs share this."""

from __future__ import annotations

from .upkeep import Services

__all__ = ["Services"]
