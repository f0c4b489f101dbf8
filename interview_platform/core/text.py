"""Characters that nobody sees, or that change how others are shown."""

from __future__ import annotations

import unicodedata

# Control and format characters, and the separators of lines and paragraphs.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
# Characters that are ignored by default (Default_Ignorable_Code_Point of Unicode) although they
# are letters or marks: the grapheme joiner, fillers of Hangul, inherent vowels of Khmer.
_IGNORED = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")


def is_hidden(character: str) -> bool:
    """Tell whether a character is shown as nothing, or only changes how others are shown."""
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or character in _IGNORED


def is_visible(text: str) -> bool:
    """Tell whether `text` has no hidden characters."""
    return not any(map(is_hidden, text))
