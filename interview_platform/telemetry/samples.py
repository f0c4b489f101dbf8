"""Samples as older clients send them, and as they are kept."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import orjson

from ..core.canonical import canonical
from .model import MetricsSample, Sample

# What older clients call the fields of a sample; the first that fits counts.
_GIVEN_AS: Mapping[str, tuple[str, ...]] = {
    "x": ("x", "gazeX"),
    "y": ("y", "gazeY"),
    "onScreen": ("onScreen", "lookingAtScreen"),
    "faces": ("faces", "faceCount", "facesDetected"),
    "focus": ("focus", "tabFocused", "windowFocused"),
}


def read_metrics(metrics: dict[str, Any], t: int) -> MetricsSample:
    """Return the sample that an older client's metrics make at `t`.

    A field of another kind or out of bounds is not known.
    """
    known = {}
    for name, aliases in _GIVEN_AS.items():
        values = (metrics.get(alias) for alias in aliases)
        value = next((value for value in values if _fits(name, value)), None)
        if value is not None:
            known[name] = value
    return MetricsSample(t=t, metrics=metrics, **known)


def plain(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return samples as JSON has them, without what is not known."""
    told: list[dict[str, Any]] = msgspec.to_builtins(samples)
    return told


class Packed(NamedTuple):
    """Samples ready to be kept: their canonical JSON, compressed, and its SHA-256 in hex."""

    content: bytes
    digest: str


def pack(samples: Iterable[Sample]) -> Packed:
    """Pack samples, in the form that `plain` gives them."""
    content = canonical(plain(list(samples)))
    return Packed(zlib.compress(content, 1), sha256(content).hexdigest())


def unpack(content: bytes) -> list[dict[str, Any]]:
    """Return the samples that `pack` made `content` of, as JSON has them."""
    samples: list[dict[str, Any]] = orjson.loads(zlib.decompress(content))
    return samples


def _fits(name: str, value: object) -> bool:
    """Tell whether `value` says something that a sample's field of that name may be."""
    if value is None:
        return False
    try:
        msgspec.convert({"t": 0, name: value}, Sample)
    except msgspec.ValidationError:
        return False
    return True
