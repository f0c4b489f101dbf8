"""Characters that nobody sees, or that change how others are shown.

Unicode calls most of them Default_Ignorable_Code_Point or Bidi_Control; Technical Report 36
tells what harm they do. Overrides, embeddings and isolates turn the text around them, so that
`exe.pdf` is shown for `fdp.exe`.
"""

from __future__ import annotations

import re
import unicodedata

# Invisible characters that names are written with: the joiners of Persian and of Indic scripts,
# and the marks of direction, which act on their neighbours alone (Unicode Standard, 23.2).
_IN_NAMES = frozenset("\u200c\u200d\u200e\u200f")
# Control and format characters, and the separators of lines and paragraphs.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
# Characters that are ignored although they are letters, marks or unassigned: the grapheme
# joiner, fillers of Hangul, inherent vowels of Khmer, what is reserved for such and for tags.
# Selectors of a glyph (U+FE00 to U+FE0F, U+E0100 to U+E01EF) are shown by what they select.
_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
_BREAKS = frozenset({"Cc", "Zl", "Zp"})
_DOTS = ".․。﹒．｡"  # noqa: RUF001
# A dot with two characters behind it, as before a top-level domain, and a colon as in a URL.
_DOMAIN_DOT = re.compile(
    rf"(?<=[^\s{_DOTS}])[{_DOTS}]"
    rf"(?=[\u200c-\u200f]*[^\s\d{_DOTS},;:!?)][\u200c-\u200f]*[^\s{_DOTS},;:!?)])"
)
_SCHEME_COLON = re.compile(r":(?=\S)")


def is_hidden(character: str) -> bool:
    """Tell whether a character is shown as nothing, or only changes how others are shown."""
    return (
        unicodedata.category(character) in _HIDDEN_CATEGORIES
        or _IGNORED.match(character) is not None
        or _is_noncharacter(ord(character))
    )


def is_visible(text: str) -> bool:
    """Tell whether `text` has no hidden characters."""
    return not any(map(is_hidden, text))


def hidden_in_name(text: str) -> str | None:
    """Return the first character of `text` that has no place in a name or a title, if any."""
    return next((each for each in text if is_hidden(each) and each not in _IN_NAMES), None)


def is_blank(text: str) -> bool:
    """Tell whether nothing of `text` is seen."""
    return all(is_hidden(each) or each.isspace() for each in text)


def one_line(text: str) -> str:
    """Return `text` on one line, without the characters that have no place in a name."""
    seen = (
        " " if unicodedata.category(each) in _BREAKS else each
        for each in text
        if each in _IN_NAMES or unicodedata.category(each) in _BREAKS or not is_hidden(each)
    )
    return " ".join("".join(seen).split())


def without_links(text: str) -> str:
    """Return `text` with spaces in what programs that show mail would make a link of.

    That is in URLs, domains and e-mail addresses. A dot between a title and a name is
    followed by a space, too, as it should be.
    """
    return _SCHEME_COLON.sub(": ", _DOMAIN_DOT.sub(r"\g<0> ", text))


def _is_noncharacter(code: int) -> bool:
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
