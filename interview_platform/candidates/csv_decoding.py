"""From the bytes of a CSV file to text.

A byte order mark names the encoding, as Excel writes it: UTF-8 ("CSV UTF-8") or UTF-16
("Unicode text"). Without one the file is in UTF-8, or in the encoding that its sender names.
Windows-1252 is never guessed: the same bytes are other letters in the other encodings of
Windows, and a wrong guess would spoil people's names without anybody noticing.
"""

from __future__ import annotations

import codecs
import re

from ..core.errors import Invalid

ENCODINGS = "The file must be text in UTF-8, or in UTF-16 with a byte order mark."
PERHAPS_WINDOWS_1252 = (
    "The file is not in UTF-8, but perhaps in Windows-1252: see line {line}. Save it as"
    ' "CSV UTF-8", or send it with "charset=windows-1252" in its Content-Type.'
)
UNMARKED_UTF_16 = (
    "The file seems to be in UTF-16 without a byte order mark. Save it as"
    ' "CSV UTF-8" or as "Unicode text".'
)

_UTF_8 = "utf-8"
_WINDOWS_1252 = "cp1252"
# UTF-16 is read by its mark alone: without one, nothing tells in which order its bytes are.
_CODECS = {
    "utf-8": _UTF_8,
    "utf8": _UTF_8,
    "utf-16": None,
    "windows-1252": _WINDOWS_1252,
    "cp1252": _WINDOWS_1252,
}
# UTF-32 comes first, since its mark begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, None),
    (codecs.BOM_UTF32_BE, None),
    (codecs.BOM_UTF8, _UTF_8),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Bytes of which no text in Windows-1252 consists.
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def check_charset(charset: str | None) -> None:
    """Raise `Invalid` for a file whose sender names an encoding that is not read."""
    if charset is not None and charset.casefold() not in _CODECS:
        raise unreadable(ENCODINGS)


def decode(content: bytes, charset: str | None = None) -> str:
    """Return the text of a file; `charset` is the encoding that its sender names, if any.

    A byte order mark overrules `charset`, as in the WHATWG's Encoding Standard. Raises
    `Invalid` for a file that is in none of the encodings that are read.
    """
    codec = _CODECS[charset.casefold()] if charset else _UTF_8
    body = content
    for mark, marked in _MARKS:
        if content.startswith(mark):
            codec, body = marked, content[len(mark) :]
            break
    if codec is None:
        raise unreadable(ENCODINGS)
    if body is content and b"\0" in content.partition(b"\n")[0]:
        raise unreadable(UNMARKED_UTF_16)
    try:
        return body.decode(codec)
    except UnicodeDecodeError as error:
        raise unreadable(_explain(body, error)) from error


def unreadable(message: str) -> Invalid:
    """Return the error for a file that cannot be read at all."""
    return Invalid({"file": [message]}, "csv")


def _explain(body: bytes, error: UnicodeDecodeError) -> str:
    if error.encoding != _UTF_8 or _NO_TEXT.search(body):
        return ENCODINGS
    try:
        body.decode(_WINDOWS_1252)
    except UnicodeDecodeError:
        return ENCODINGS
    return PERHAPS_WINDOWS_1252.format(line=len(body[: error.start + 1].splitlines()))
