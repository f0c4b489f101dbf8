"""A strict reader of Yjs updates (v1) that are plain editing of the document's one text.

An update says: how many clients, then for each its structs, then what is deleted. The
format is that of Yjs 13: `INTERNALS.md`, `src/utils/updates.js`, `src/structs/Item.js` and
`src/utils/DeleteSet.js` of github.com/yjs/yjs; numbers and strings are those of
`encoding.js` of github.com/dmonad/lib0.

Every character has an id for ever: the client that typed it, and that client's clock,
which counts UTF-16 code units. A client's structs follow each other by clock.

Skips, which merged updates have, are taken. Structs without content (GC) are not: editing
a root text makes none, and characters that are said to stand beside one would stand in
different places in different editors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..core.errors import Invalid

# The name of the text that is shared, and the only thing in the document.
ROOT = "code"

# JavaScript's largest safe integer, which client ids stay within.
_MAX_CLIENT = 2**53 - 1
# Clocks are 32 bits in the Rust implementation; nobody types that much.
_MAX_CLOCK = 2**31 - 1

# Kinds of structs, by the lower five bits of their first byte.
_DELETED, _STRING, _SKIP = 1, 4, 10
# What the upper bits say: ids of the neighbours at the time of writing, a key of a map.
_HAS_LEFT, _HAS_RIGHT, _HAS_KEY = 0x80, 0x40, 0x20
# The parent of what has no neighbours: a root, by name.
_PARENT = bytes([1, len(ROOT)]) + ROOT.encode()

# The client and the clock of a character.
Id = tuple[int, int]


class Struct(NamedTuple):
    """Characters that one client wrote in a row, from `clock` on.

    `text` is None for those that are deleted already. `left` and `right` are the
    characters that they were written between.
    """

    client: int
    clock: int
    length: int
    text: str | None
    left: Id | None
    right: Id | None


class Deletion(NamedTuple):
    """Characters that are deleted: `length` of one client's, from `clock` on."""

    client: int
    clock: int
    length: int


class Update(NamedTuple):
    """What an update holds; a client's structs by clock, with gaps where it skips."""

    structs: list[Struct]
    deletions: list[Deletion]


def read(update: bytes) -> Update:
    """Read an update; raises `Invalid` for all that is not plain editing of the text `code`.

    Refused are other roots, nested and embedded things, formats, attributes, what is cut
    short or goes on after its end, text that is not UTF-8, clients named twice, and
    characters deleted twice.
    """
    structs: list[Struct] = []
    try:
        at = _read_structs(update, structs)
        deletions, at = _read_deletions(update, at)
    except (IndexError, UnicodeDecodeError) as error:
        raise _refusal("Not a Yjs update.") from error
    if at != len(update):
        raise _refusal("Goes on after its end.")
    return Update(structs, deletions)


def begins(update: bytes) -> list[Id]:
    """Return the first character of each client in an update that was read before.

    Of an update by one client, as nearly all are, only the beginning is read.
    """
    clients, at = _number(update, 0)
    if clients != 1:
        first: dict[int, int] = {}
        for struct in read(update).structs:
            first.setdefault(struct.client, struct.clock)
        return list(first.items())
    _, at = _number(update, at)
    client, at = _number(update, at)
    return [(client, _number(update, at)[0])]


def write(structs: Iterable[Struct], deletions: Iterable[Deletion]) -> bytes:
    """Write an update, in which each client's structs stand by clock, and may leave gaps."""
    by_client: dict[int, list[Struct]] = {}
    for struct in structs:
        by_client.setdefault(struct.client, []).append(struct)
    update = bytearray(_spelled(len(by_client)))
    for client, some in by_client.items():
        _write_structs(update, client, some)
    ranges: dict[int, list[Deletion]] = {}
    for deletion in deletions:
        ranges.setdefault(deletion.client, []).append(deletion)
    update += _spelled(len(ranges))
    for client, deleted in ranges.items():
        update += _spelled(client) + _spelled(len(deleted))
        for _, clock, length in deleted:
            update += _spelled(clock) + _spelled(length)
    return bytes(update)


def read_vector(vector: bytes) -> dict[int, int]:
    """Read a state vector: by client, the clock that follows all that is known of it.

    Raises `Invalid` for what is none.
    """
    clocks: dict[int, int] = {}
    try:
        count, at = _number(vector, 0)
        for _ in range(count):
            client, at = _number(vector, at)
            clock, at = _number(vector, at)
            if client in clocks or client > _MAX_CLIENT or clock > _MAX_CLOCK:
                raise _bad_vector()
            clocks[client] = clock
    except (IndexError, Invalid) as error:
        raise _bad_vector() from error
    if at != len(vector):
        raise _bad_vector()
    return clocks


def write_vector(clocks: Mapping[int, int]) -> bytes:
    """Write a state vector: by client, the clock that follows all that is known of it."""
    known = {client: clock for client, clock in clocks.items() if clock}
    vector = bytearray(_spelled(len(known)))
    for client, clock in known.items():
        vector += _spelled(client) + _spelled(clock)
    return bytes(vector)


def write_id(character: Id) -> bytes:
    """Write the id of a character."""
    return b"".join(map(_spelled, character))


def units(text: str) -> int:
    """Return the length of `text` in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _write_structs(update: bytearray, client: int, structs: Sequence[Struct]) -> None:
    gaps = sum(one.clock + one.length < other.clock for one, other in pairwise(structs))
    end = structs[0].clock
    update += _spelled(len(structs) + gaps) + _spelled(client) + _spelled(end)
    for _, clock, length, text, left, right in structs:
        if clock > end:
            update.append(_SKIP)
            update += _spelled(clock - end)
        kind = _DELETED if text is None else _STRING
        update.append(kind | (_HAS_LEFT if left else 0) | (_HAS_RIGHT if right else 0))
        for neighbour in (left, right):
            if neighbour:
                update += write_id(neighbour)
        if not (left or right):
            update += _PARENT
        if text is None:
            update += _spelled(length)
        else:
            encoded = text.encode()
            update += _spelled(len(encoded)) + encoded
        end = clock + length


def _read_structs(data: bytes, structs: list[Struct]) -> int:
    """Add the structs of `data` to `structs`, and return where they end."""
    # Counts are taken at their word: the data ends long before an absurd one is reached.
    clients, at = _number(data, 0)
    seen = set()
    for _ in range(clients):
        count, begin = _number(data, at)
        client, at = _number(data, begin)
        spelled = data[begin:at]
        clock, at = _number(data, at)
        if client in seen or client > _MAX_CLIENT or clock > _MAX_CLOCK:
            raise _refusal("Names a client twice, or one that cannot be.")
        seen.add(client)
        kind = _SKIP
        for _ in range(count):
            info = data[at]
            at += 1
            kind = info & 0x1F
            text: str | None = None
            left = right = None
            if kind in (_STRING, _DELETED):
                if info & _HAS_LEFT:
                    left, at = _neighbour(data, at, client, spelled)
                if info & _HAS_RIGHT:
                    right, at = _neighbour(data, at, client, spelled)
                if not (left or right):
                    if data[at : at + len(_PARENT)] != _PARENT:
                        raise _refusal(f"Edits something else than the text {ROOT!r}.")
                    at += len(_PARENT)
                if info & _HAS_KEY:
                    raise _refusal(f"Edits something else than the text {ROOT!r}.")
            elif info != _SKIP:
                raise _refusal("Holds something else than plain text.")
            length, at = _number(data, at)
            if kind == _STRING:
                if length > len(data) - at:
                    raise IndexError
                text = data[at : at + length].decode()
                at += length
                length = units(text)
            if not 0 < length <= _MAX_CLOCK - clock:
                raise _refusal("Holds a length that cannot be.")
            if kind != _SKIP:
                structs.append(Struct(client, clock, length, text, left, right))
            clock += length
        if kind == _SKIP:
            raise _refusal("Names a client, and nothing of theirs.")
    return at


def _read_deletions(data: bytes, at: int) -> tuple[list[Deletion], int]:
    """Return the deletions that begin at `at`, and where they end."""
    deletions: list[Deletion] = []
    clients, at = _number(data, at)
    seen = set()
    for _ in range(clients):
        client, at = _number(data, at)
        count, at = _number(data, at)
        if client in seen or client > _MAX_CLIENT:
            raise _refusal("Names a client twice, or one that cannot be.")
        seen.add(client)
        ranges = []
        for _ in range(count):
            clock, at = _number(data, at)
            length, at = _number(data, at)
            if not 0 < length <= _MAX_CLOCK - clock:
                raise _refusal("Holds a length that cannot be.")
            ranges.append(Deletion(client, clock, length))
        if len(ranges) > 1:
            ranges.sort()
            if any(one.clock + one.length > other.clock for one, other in pairwise(ranges)):
                raise _refusal("Deletes the same twice.")
        deletions += ranges
    return deletions, at


def _neighbour(data: bytes, at: int, client: int, spelled: bytes) -> tuple[Id, int]:
    """Return the id at `at`, and where it ends.

    Most name `client` again, whose long name, as `spelled`, need not be read once more.
    """
    if data.startswith(spelled, at):
        at += len(spelled)
    else:
        client, at = _number(data, at)
    clock, at = _number(data, at)
    return (client, clock), at


def _spelled(number: int) -> bytes:
    """Write what `_number` reads."""
    spelled = bytearray()
    while number > 0x7F:
        spelled.append(number & 0x7F | 0x80)
        number >>= 7
    spelled.append(number)
    return bytes(spelled)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at`, seven bits a byte with the lowest first, and where it ends."""
    value = data[at]
    at += 1
    if value < 0x80:
        return value, at
    value &= 0x7F
    shift = 7
    while True:
        byte = data[at]
        at += 1
        if byte < 0x80:
            return value | byte << shift, at
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 49:
            raise _refusal("Holds a number that is too large.")


def _refusal(message: str) -> Invalid:
    return Invalid({"update": [message]})


def _bad_vector() -> Invalid:
    return Invalid({"sv": ["Not a Yjs state vector."]})
