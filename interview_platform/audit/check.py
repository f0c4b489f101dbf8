"""Checking a chain of audit entries: which were changed, dropped, moved or added."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from ..core.clock import isoformat
from ..core.hashchain import link, salted_hash
from ..core.signing import statement_signed_by
from .repository import Head

START = Head(0, sha256(b"smart-interview audit 1\n").hexdigest())
"""What the first entry is linked to."""

UNSIGNED_FOR = timedelta(days=2)
"""For how long a chain that grows may go without a signed head: one is signed each day."""

ERASED = "candidate.erased"
"""What an entry says was done to somebody whose addresses are taken out of the others."""

# What the chain does not hold: the hash itself, and what is erased with a person.
_NOT_HELD = frozenset({"previous", "hash", "address", "addressSalt"})


def hash_of(entry: Mapping[str, Any]) -> str:
    """Return the hash of an entry, linked to that of the one before it, its `previous`."""
    held = {name: value for name, value in entry.items() if name not in _NOT_HELD}
    return link(bytes.fromhex(entry["previous"]), held).hex()


class ChainCheck:
    """Takes the entries of a chain by number, then says in `faults` what is wrong.

    `public_keys` are those that may have signed; `start` says where the chain begins, and
    `heads` what it was on earlier days.
    """

    def __init__(
        self,
        public_keys: Collection[bytes],
        start: Mapping[str, Any] | None,
        heads: Iterable[Mapping[str, Any]],
    ) -> None:
        self.faults: list[str] = []
        self.entries = 0
        self.heads = 0
        self._keys = public_keys
        self._seq = START.seq
        self._hash: str | None = START.hash
        # Whether the entry before the next one is there, and as it was.
        self._follows = True
        if start is not None:
            self._begin(start)
        # What is known of the chain from elsewhere: by number, who says so and the hash.
        self._expected: dict[int, list[tuple[str, str]]] = {}
        # Entries whose address was taken out, by who acted; and who was erased.
        self._without_address: dict[object, list[str]] = {}
        self._erased: set[object] = set()
        self._newest: str | None = None
        for signed in heads:
            self._take_head(signed)

    def expect(self, head: Head, name: str) -> None:
        """Have the chain be as `head` says, which `name` says where it is known from."""
        if head.seq >= self._seq:
            self._expected.setdefault(head.seq, []).append((name, head.hash))
            self._compare()

    def take(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry by number."""
        seq, name = entry["seq"], _name(entry)
        if not isinstance(seq, int) or seq <= self._seq:
            self.faults.append(f"{name} was added: its number is another's, or no number")
            return
        self.entries += 1
        self.note_erasure(entry)
        if seq > self._seq + 1:
            self._miss(seq - 1, f"before {name}")
        if not self._is_as_it_was(entry):
            self.faults.append(f"{name} was changed or moved")
            self._follows = False
        elif self._follows and entry["previous"] != self._hash:
            self.faults.append(f"{name} was changed with its hash, or the one before it was")
        else:
            self._follows = True
        self._seq, self._hash = seq, entry.get("hash")
        self._compare()

    def note_erasure(self, entry: Mapping[str, Any]) -> None:
        """Note whom an entry says to be erased; those that are not chained yet count too."""
        if entry.get("action") == ERASED:
            self._erased.add(entry.get("subject"))

    def finish(self, head: Head | None) -> None:
        """Compare the chain with its `head`, which was read after its last entry."""
        for actor, names in self._without_address.items():
            if actor not in self._erased:
                self.faults += [f"{name} was changed: its address is gone" for name in names]
        if head is None:
            if self.entries:
                self.faults.append("the head of the chain is missing")
            return
        if head.seq < self._seq:
            self.faults.append(
                f"entries {head.seq + 1} to {self._seq} were added: the chain ends before them"
            )
        for seq in sorted(self._expected):
            for name, _ in self._expected[seq]:
                self.faults.append(
                    f"entries {self._seq + 1} to {seq} are missing at the end, by {name}"
                )
        if head.at is not None and head.at - self._signed_at() > UNSIGNED_FOR:
            day = self._newest[:10] if self._newest else None
            self.faults.append(f"the last signed head is of {day}" if day else "no head is signed")

    def _begin(self, start: Mapping[str, Any]) -> None:
        if not statement_signed_by(self._keys, start) or start.get("audit") != "start":
            self.faults.append("the place where the chain begins is not signed by the service")
        self._seq, self._hash = start["seq"], start["hash"]

    def _take_head(self, head: Mapping[str, Any]) -> None:
        day = head["_id"]
        said = {name: value for name, value in head.items() if name != "_id"}
        if not statement_signed_by(self._keys, said) or said.get("audit") != "head":
            self.faults.append(f"the head of {day} is not signed by the service")
            return
        self.heads += 1
        self._newest = max(self._newest or "", said["at"])
        self.expect(Head(said["seq"], said["hash"]), f"the head signed on {day}")

    def _compare(self) -> None:
        """Compare the chain, as far as it was taken, with what was said of it before."""
        for name, known in self._expected.pop(self._seq, ()):
            if known != self._hash:
                self.faults.append(
                    f"entry {self._seq} or one before it was changed with all hashes after it, "
                    f"by {name}"
                )

    def _miss(self, upto: int, where: str) -> None:
        first = self._seq + 1
        which = f"entry {first} is" if first == upto else f"entries {first} to {upto} are"
        self.faults.append(f"{which} missing {where}")
        for seq in [seq for seq in self._expected if seq <= upto]:
            del self._expected[seq]
        self._follows = False

    def _is_as_it_was(self, entry: Mapping[str, Any]) -> bool:
        """Tell whether an entry is as it was chained, but for an address that was taken out."""
        if not _is_hash(entry.get("previous")) or hash_of(entry) != entry.get("hash"):
            return False
        address, known = entry.get("address"), entry.get("addressHash")
        if address is None:
            if known is not None:
                self._without_address.setdefault(entry.get("actor"), []).append(_name(entry))
            return True
        return salted_hash(entry.get("addressSalt") or b"", address) == known

    def _signed_at(self) -> datetime:
        if self._newest is None:
            return datetime.fromisoformat("0001-01-01T00:00:00Z")
        return datetime.fromisoformat(self._newest)


def _name(entry: Mapping[str, Any]) -> str:
    at = entry.get("at")
    when = f" of {isoformat(at)}" if isinstance(at, datetime) else ""
    return f"entry {entry['seq']} ({entry['_id']}{when})"


def _is_hash(value: object) -> bool:
    if not isinstance(value, str) or len(value) != 64:
        return False
    try:
        bytes.fromhex(value)
    except ValueError:
        return False
    return True
