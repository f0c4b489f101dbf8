"""Checks the record of an interview offline: `python -m interview_platform.timeline.verify FILE`.

Needs neither the service nor its stores. Names each line that was changed, dropped, added
or moved. The exit status is 0 for a record that is whole and signed, 1 for one that is not
what was signed, and 2 for what cannot be checked: no record, or one that is not signed yet.
"""

from __future__ import annotations

import argparse
import binascii
import sys
from base64 import b64decode
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core import signing
from ..core.canonical import canonical, digest
from ..core.clock import from_milliseconds, isoformat
from ..session_log import chain

WHOLE, BROKEN, UNCHECKED = 0, 1, 2

VERSION = 1
HEADER = (
    "version",
    "interviewId",
    "candidateId",
    "interviewerId",
    "status",
    "startedAt",
    "endedAt",
)
# The times that have a spelling, the years 1 to 9999, in ms since the epoch.
EARLIEST, LATEST = -62_135_596_800_000, 253_402_300_799_999
# Of more faults than these nobody reads the lines.
TOLD = 100


class Actor(Struct, forbid_unknown_fields=True):
    userId: str | None
    role: str | None


class Head(Struct, forbid_unknown_fields=True):
    """What the chain holds of an entry."""

    seq: Annotated[int, Meta(ge=1)]
    id: str
    interview: str
    type: str
    at: Annotated[int, Meta(ge=EARLIEST, le=LATEST)]
    actor: Actor | None
    contentHash: str


class Content(Struct, forbid_unknown_fields=True):
    name: Any
    data: Any


class EntryLine(Struct, forbid_unknown_fields=True):
    entry: Head
    hash: str
    content: Content | UnsetType = UNSET
    salt: str = ""
    erased: Literal[True] | UnsetType = UNSET
    attachment: Any = UNSET


class Receipt(Struct, forbid_unknown_fields=True):
    version: int
    interviewId: str
    candidateId: str
    interviewerId: str
    status: str
    startedAt: str | None
    endedAt: str | None
    sealId: str
    sealedAt: str
    entries: int
    head: str
    hashAlgorithm: Literal["SHA-256"]
    signatureAlgorithm: Literal["Ed25519"]
    keyId: str
    publicKey: str
    signature: str


class Verifier:
    """Takes the lines of a record in their order, then says what is wrong with it.

    `faults` are numbers of lines, from 1, with what is wrong there.
    """

    def __init__(self) -> None:
        self.faults: list[tuple[int, str]] = []
        self.entries = 0
        self.erased = 0
        self.attached = 0
        self.not_attached = 0
        self.receipt: Receipt | None = None
        self._lines = 0
        self._header: dict[str, Any] | None = None
        self._seal: tuple[int, dict[str, Any]] | None = None
        self._receipt_line = 0
        self._signed: Any = None
        # By entry, the hashes that the next one may be linked to: as told, and as computed.
        self._hashes: dict[int, set[bytes]] = {}
        self._last = 0
        # Lines before which entries are missing: the first and the last of these.
        self._gaps: list[tuple[int, int, int]] = []
        # Lines that could not be read since the last entry.
        self._unread = 0

    @property
    def readable(self) -> bool:
        """Whether this looks like a record at all."""
        return bool(self._hashes or self._header or self._receipt_line)

    def take(self, line: bytes) -> None:
        """Take the next line, with its line feed."""
        self._lines += 1
        if self._receipt_line:
            self._fault("comes after the receipt, which is the last line")
            return
        try:
            value = orjson.loads(line)
            spelled = canonical(value) + b"\n"
        except (ValueError, TypeError):
            self._unread += 1
            self._fault("cannot be read")
            return
        if spelled != line:
            self._fault("is not spelled as records are")
        self._take(value)

    def finish(self, public_key: bytes | None) -> None:
        """Check what the lines are together; `public_key` is whose signature is expected."""
        if not self._receipt_line:
            self._lines += 1
            self._fault("is missing: the record is cut off before its receipt")
        elif self._signed is not None:
            self._check_receipt(public_key)
        elif self._seal:
            self._fault("lacks the receipt of a record that is sealed")
        for number, first, last in self._gaps:
            missing = f"entry {first} is" if first == last else f"entries {first} to {last} are"
            self.faults.append((number, f"{missing} missing before it"))
        self.faults.sort()

    def _fault(self, what: str, number: int | None = None) -> None:
        self.faults.append((number or self._lines, what))

    def _take(self, value: Any) -> None:
        parts = value if isinstance(value, dict) else {}
        if parts.keys() == {"record"} and isinstance(parts["record"], dict):
            if self._lines == 1:
                self._header = parts["record"]
            else:
                self._fault("is where a record begins, and stands within one")
            return
        if self._lines == 1:
            self._fault("is not where a record begins")
        if parts.keys() == {"receipt"}:
            self._receipt_line = self._lines
            self._signed = parts["receipt"]
        elif "entry" in parts:
            try:
                line = msgspec.convert(value, EntryLine)
            except msgspec.ValidationError:
                self._unread += 1
                self._fault("is not what an entry looks like")
            else:
                self._take_entry(line, value)
        elif self._lines > 1:
            self._unread += 1
            self._fault("is nothing that a record holds")

    def _take_entry(self, line: EntryLine, value: dict[str, Any]) -> None:
        self.entries += 1
        if self._header and line.entry.interview != self._header.get("interviewId"):
            self._fault("belongs to another interview")
        self._check_content(line, value)
        seq = self._check_place(line, value["entry"])
        if seq is None:
            return
        self._check_link(seq, line, value["entry"])
        data = value.get("content", {}).get("data")
        if isinstance(data, dict) and data.get("event") == "log.sealed":
            self._seal = (self._lines, value)

    def _check_content(self, line: EntryLine, value: dict[str, Any]) -> None:
        if line.erased is True:
            self.erased += 1
            if line.content is not UNSET or line.attachment is not UNSET or line.salt:
                self._fault("has content, though it was erased")
            return
        if line.content is UNSET:
            self._fault("lacks its content")
            return
        salt = _unbase64(line.salt)
        if chain.content_hash(salt, value["content"]) != line.entry.contentHash:
            self._fault("its content was changed")
        data = line.content.data if isinstance(line.content.data, dict) else {}
        told = data.get("digest") if data.get("event") == "gaze" else None
        if line.attachment is not UNSET:
            self.attached += 1
            if digest(line.attachment) != told:
                self._fault("its attachment was changed")
        elif told is not None:
            self.not_attached += 1

    def _check_place(self, line: EntryLine, head: dict[str, Any]) -> int | None:
        """Return which entry this is, None for one that was there before."""
        seq, expected = line.entry.seq, self._last + 1
        told = _unhex(line.hash)
        if seq != expected and told in self._links(expected, {**head, "seq": expected}):
            self._fault("its number was changed")
            seq = expected
        if seq in self._hashes:
            self._fault(f"entry {seq} stands there a second time")
            return None
        if seq < expected:
            self._fault(f"entry {seq} is out of place, after entry {self._last}")
            self._close_gap(seq)
        elif seq - expected > self._unread:
            self._gaps.append((self._lines, expected, seq - 1))
        self._unread = 0
        self._last = max(seq, self._last)
        return seq

    def _close_gap(self, seq: int) -> None:
        for place, (number, first, last) in enumerate(self._gaps):
            if first <= seq <= last:
                parts = ((number, first, seq - 1), (number, seq + 1, last))
                self._gaps[place : place + 1] = [part for part in parts if part[1] <= part[2]]
                return

    def _check_link(self, seq: int, line: EntryLine, head: dict[str, Any]) -> None:
        told, computed = _unhex(line.hash), self._links(seq, head)
        if computed and told not in computed:
            self._fault("does not fit its hash: it was changed, or what comes before it")
        self._hashes[seq] = {told, *computed}

    def _links(self, seq: int, head: dict[str, Any]) -> set[bytes]:
        """Return the hashes that an entry of this head may have as number `seq`."""
        if seq == 1:
            interview_id = (self._header or {}).get("interviewId") or head["interview"]
            return {chain.link(chain.start(interview_id), head)}
        return {chain.link(previous, head) for previous in self._hashes.get(seq - 1, ())}

    def _check_receipt(self, public_key: bytes | None) -> None:
        number = self._receipt_line
        try:
            receipt = self.receipt = msgspec.convert(self._signed, Receipt)
        except msgspec.ValidationError:
            self._fault("is not what a receipt looks like", number)
            return
        if receipt.version != VERSION:
            self._fault(f"is of version {receipt.version}, which is not known here", number)
        key = _unbase64(receipt.publicKey)
        statement = {name: part for name, part in self._signed.items() if name != "signature"}
        if not signing.signed_by(key, _unbase64(receipt.signature), canonical(statement)):
            self._fault("its signature is not good", number)
        elif receipt.keyId != signing.key_id(key):
            self._fault("names its key wrongly", number)
        if public_key is not None and key != public_key:
            self._fault(f"is signed by another key, {receipt.keyId}", number)
        if self._header is not None:
            self._check_header(self._header, receipt)
        self._check_end(receipt)

    def _check_header(self, header: dict[str, Any], receipt: Receipt) -> None:
        if header != {name: getattr(receipt, name) for name in HEADER}:
            self._fault("does not say what the receipt says", 1)

    def _check_end(self, receipt: Receipt) -> None:
        number, end = self._receipt_line, receipt.entries + 1
        if self._last < end:
            self._gaps.append((number, self._last + 1, end))
        elif self._last > end:
            self._fault(f"vouches for {receipt.entries} entries, and there are more", number)
        hashes = self._hashes.get(receipt.entries)
        if receipt.entries == 0:
            hashes = {chain.start(receipt.interviewId)}
        place = self._seal[0] if self._seal else number
        if hashes and _unhex(receipt.head) not in hashes:
            self._fault("seals another chain: entries were changed, and their hashes too", place)
        if self._seal:
            self._check_seal(*self._seal, receipt)
        elif self._last == end:
            self._fault("vouches for a log without its seal", number)

    def _check_seal(self, number: int, seal: dict[str, Any], receipt: Receipt) -> None:
        said = {"event": "log.sealed", **self._signed}
        head = {
            "seq": receipt.entries + 1,
            "id": receipt.sealId,
            "type": "system",
            "actor": None,
        }
        if (
            seal["content"] != {"name": None, "data": said}
            or seal.get("salt")
            or not head.items() <= seal["entry"].items()
            or isoformat(from_milliseconds(seal["entry"]["at"])) != receipt.sealedAt
        ):
            self._fault("is not the seal that the receipt repeats", number)


def verify(lines: Iterable[bytes], public_key: bytes | None = None) -> Verifier:
    """Check the `lines` of a record, each with its line feed, and return what was found."""
    verifier = Verifier()
    for line in lines:
        verifier.take(line)
    verifier.finish(public_key)
    return verifier


def main(arguments: list[str] | None = None) -> int:
    """Check a file and print what was found; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m interview_platform.timeline.verify",
        description="Check the exported record of an interview.",
    )
    parser.add_argument("file", type=Path, help="what GET /api/interviews/<id>/export has answered")
    parser.add_argument(
        "--public-key", metavar="KEY", type=_key, help="the service's public key, in base64"
    )
    options = parser.parse_args(arguments)
    try:
        with options.file.open("rb") as file:
            found = verify(file, options.public_key)
    except OSError as error:
        print(f"{options.file}: {error.strerror}", file=sys.stderr)
        return UNCHECKED
    if not found.readable:
        print("this is no record of an interview", file=sys.stderr)
        return UNCHECKED
    return _report(found, trusted=options.public_key is not None)


def _report(found: Verifier, *, trusted: bool) -> int:
    for number, what in found.faults[:TOLD]:
        print(f"line {number}: {what}")
    if found.faults:
        print(f"NOT WHOLE: {len(found.faults)} faults")
        return BROKEN
    attachments = found.attached + found.not_attached
    print(f"{found.entries} entries, the content of {found.erased} erased")
    print(f"{attachments} attachments, {found.not_attached} of them not included")
    if found.receipt is None:
        print("NOT SIGNED: the interview had not ended, and nothing vouches for this record")
        return UNCHECKED
    print(f"WHOLE: sealed {found.receipt.sealedAt} with the key {found.receipt.publicKey}")
    if not trusted:
        print("Whose key that is, --public-key checks")
    return WHOLE


def _key(text: str) -> bytes:
    key = _unbase64(text)
    if len(key) != signing.KEY_BYTES:
        raise argparse.ArgumentTypeError(f"not {signing.KEY_BYTES} bytes in base64")
    return key


def _unbase64(text: str) -> bytes:
    """Return what `text` spells, and nothing where it spells nothing."""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


if __name__ == "__main__":
    sys.exit(main())
