"""Large updates, applied piece by piece.

The library holds the interpreter's lock during each call, so that one long call would stop
every thread of the process. Between two pieces the others run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import thread_time

from ..core.errors import TooLarge
from .update import Deletion, Struct, write

# How many structs or deletions a piece holds at most. The first has one; each that follows is
# larger or smaller, so that it takes about `_PIECE_SECONDS`.
_LARGEST = 2000
_PIECE_SECONDS = 0.002


def apply_in_pieces(
    apply: Callable[[bytes], None],
    structs: Sequence[Struct],
    deletions: Sequence[Deletion],
    most_seconds: float | None = None,
) -> None:
    """Call `apply` with updates that together hold `structs`, which are in order, and `deletions`.

    Raises `TooLarge`, with part of it applied, where that takes more than `most_seconds` of
    processor time.
    """
    parts: list[Struct | Deletion] = [*structs, *deletions]
    at, count, began = 0, 1, thread_time()
    while at < len(parts):
        some = parts[at : at + count]
        at += count
        before = thread_time()
        apply(
            write(
                [part for part in some if isinstance(part, Struct)],
                [part for part in some if isinstance(part, Deletion)],
            )
        )
        now = thread_time()
        if most_seconds is not None and now - began > most_seconds:
            raise TooLarge("The update takes too long to be applied")
        if now - before > _PIECE_SECONDS:
            count = max(1, count // 2)
        elif now - before < _PIECE_SECONDS / 2:
            count = min(_LARGEST, count * 2)
