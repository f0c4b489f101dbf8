"""How candidates are found by name or e-mail address: by keys, which spellings share.

A key has letters without case, accents and width, and neither apostrophes nor characters
that nobody sees. Unicode's compatibility decomposition (NFKD) parts most letters from their
accents; those that it leaves whole are in `_BASE_LETTERS`.
"""

from __future__ import annotations

import re
import unicodedata

from ..core.addresses import readable_email
from ..core.text import is_hidden

# After the Latin-ASCII transform of Unicode's CLDR, for letters that names are written with.
_BASE_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ħ": "h",
        "ŧ": "t",
        "ı": "i",  # noqa: RUF001
        "ŋ": "n",
        "ə": "e",
        "ɓ": "b",
        "ɗ": "d",
        "ƙ": "k",
        "ƴ": "y",
    }
)
# A person without the key for such a letter may write it with two others.
_TRANSCRIPTIONS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_APOSTROPHES = "'`´‘’‛ʹʻʼʽʾʿˈ′＇"  # noqa: RUF001
_HYPHENS = "-‐‑‒–—―−﹘﹣－"  # noqa: RUF001
_PUNCTUATION = str.maketrans(dict.fromkeys(_APOSTROPHES, "") | dict.fromkeys(_HYPHENS, "-"))
_PARTS = re.compile(f"[{_APOSTROPHES}{re.escape(_HYPHENS)}]")
# The combining classes of marks that make another letter rather than an accent: nukta, the
# voicing of kana, virama, and vowels and tones with a place of their own (Thai, Lao, Tibetan).
_LETTER_MARKS = frozenset({0, 7, 8, 9, *range(84, 200)})
# Selectors of a glyph: U+FE00 to U+FE0F and U+E0100 to U+E01EF.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def search_key(text: str) -> str:
    """Return what `text` is compared by."""
    plain = _SELECTORS.sub("", text.translate(_PUNCTUATION))
    parted = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", plain).casefold())
    letters = "".join(
        each
        for each in parted
        if unicodedata.combining(each) in _LETTER_MARKS and not is_hidden(each)
    )
    return unicodedata.normalize("NFC", letters.translate(_BASE_LETTERS))


def search_terms(name: str, email: str | None) -> list[str]:
    """Return the keys of which one must begin with each word that somebody looks for.

    Those of the words of `name` and of their parts, and of `email` as it is kept and as people
    know it.
    """
    words = unicodedata.normalize("NFC", name).lower().split()
    spellings = [*words, *(part for word in words for part in _PARTS.split(word))]
    spellings += [spelling.translate(_TRANSCRIPTIONS) for spelling in spellings]
    if email:
        spellings += [email, readable_email(email)]
    return sorted({key for spelling in spellings if (key := search_key(spelling))})


def query_keys(text: str) -> list[str]:
    """Return the keys of the words of `text` that somebody looks for."""
    # A word of punctuation alone has no key, and is found nowhere.
    return [search_key(word) or word for word in text.split()]
