"""Line endings, of which the service knows one."""

from __future__ import annotations


def normalize_newlines(text: str) -> str:
    """Return `text` with LF in place of CRLF and of CR alone."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")
