"""Spellings: when two names are one, and how a name looks in an address."""

import re
import unicodedata

# Letters that Unicode does not decompose but that people type without their stroke.
STROKES = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
)
# Marks that make another word: C, C++ and C# are three things.
SIGNS = str.maketrans({"+": "p", "#": " sharp ", "&": " and ", "@": " at "})
ACCENTED = ("LATIN", "GREEK", "CYRILLIC")


def _without_accents(text: str) -> str:
    """Drop accents where they are accents: a Japanese or Devanagari mark is part of its letter."""
    kept, marks_matter = [], False
    for char in unicodedata.normalize("NFKD", text):
        if unicodedata.combining(char):
            if not marks_matter:
                continue
        else:
            marks_matter = char.isalpha() and not unicodedata.name(char, "").startswith(ACCENTED)
        kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept)).casefold().translate(STROKES)


def fold(name: str) -> str:
    """The key under which spellings that differ in case, accents, punctuation or blanks are one.

    Sorting by it is alphabetical letter by letter. Empty when the name has neither letter nor digit.
    """
    if name.isascii():
        return "".join(char for char in name.lower() if char.isalnum())
    return "".join(char for char in _without_accents(name) if char.isalnum() or unicodedata.combining(char))


def fold_tag(name: str) -> str:
    """As `fold`, but keeps C, C++ and C# apart."""
    return fold(name.translate(SIGNS))


def slug(text: str, limit: int = 80) -> str:
    """Lower-case words joined by hyphens, in the script they are written in; at most `limit` characters."""
    words = re.sub(r"[\W_]+", "-", _without_accents(text.translate(SIGNS))).strip("-")
    return words if len(words) <= limit else (words[: limit + 1].rpartition("-")[0] or words[:limit])


def ascii_slug(text: str, limit: int = 60) -> str:
    """`slug` with only a-z, 0-9 and hyphens; empty for a name in another script."""
    words = re.sub(r"[^a-z0-9]+", "-", _without_accents(text)).strip("-")
    return words[:limit].rstrip("-")
