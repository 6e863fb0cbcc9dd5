"""Passwords: which are too easy to guess, and hashes of the others.

Hashes are argon2id at OWASP's parameters; werkzeug's are understood too.
"""

import functools
import re
import unicodedata
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, VerifyMismatchError
from werkzeug.security import check_password_hash

SHORTEST = 10  # characters
LONGEST = 1024  # characters; more is an attack on the processor, not a password
LONGEST_HASH = 255  # characters: what its column holds
LIST = Path(__file__).with_name("common_passwords.txt")
# Digits and signs around a word, and those that are written in the place of letters, make no other word.
AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")
IN_PLACE_OF_LETTERS = str.maketrans("@4301$5!7", "aaeoissit")
SHORTEST_WORD = 4
WERKZEUG = re.compile(r"(scrypt:\d+:\d+:\d+|pbkdf2:\w+:\d+)\$[^$]+\$[0-9a-f]+", re.ASCII)
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified when there is no such account, so that both answers take one hash's time.
_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` made `stored`; one hash's work also when there is nothing stored."""
    if len(password) > LONGEST:
        stored, password = None, ""
    try:
        if stored and WERKZEUG.fullmatch(stored):
            return check_password_hash(stored, password)
        return _hasher.verify(stored or _NOBODY, password) and bool(stored)
    except (Argon2Error, ValueError):  # a ValueError is a hash that is none, or half a character
        return False


def is_outdated(stored: str) -> bool:
    """Whether to hash again at the next sign-in: werkzeug's, or weaker parameters than today's."""
    return not stored.startswith("$argon2") or _hasher.check_needs_rehash(stored)


def is_hash(text: str) -> bool:
    """Whether this is a hash that `verify` can check (for accounts made by scripts)."""
    if len(text) > LONGEST_HASH:
        return False
    try:  # parameters that look right may still be none that work
        if WERKZEUG.fullmatch(text):
            return check_password_hash(text, "") in (True, False)
        return text.startswith("$argon2id$") and _hasher.verify(text, "")
    except VerifyMismatchError:
        return True
    except (Argon2Error, ValueError):
        return False


def why_weak(password: str, about=()) -> str:
    """A sentence about why nobody should use `password`; "" when there is nothing to say against it.

    `about` are words that others know of its owner: the username, the address.
    """
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST:,} characters."
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in password):
        return "This holds a character that cannot be typed. Choose another password."
    readings = _readings(password)
    if readings & {re.sub(r"[\W_]", "", word.casefold()) for word in about if len(word) >= SHORTEST_WORD}:
        return "Others know this of you. Choose a password that has nothing to do with your name or address."
    if _is_a_row(password) or not readings.isdisjoint(_common()):
        return "Attackers try this early on. Choose several words that do not belong together."
    return ""


def _readings(password):
    """What `password` is in lower case, said once, without what stands around it or in place of letters."""
    whole = _once(password.casefold())
    words = {whole, _once(AROUND.sub("", whole))}
    words |= {word.translate(IN_PLACE_OF_LETTERS) for word in words}
    words |= {re.sub(r"[\W_]", "", word) for word in words}
    return {word for word in words if len(word) >= SHORTEST_WORD}


def _once(text):
    """`abc` of `abcabcabc`."""
    return text[: (text + text).find(text, 1)]


def _is_a_row(password):
    """Whether it repeats a few characters, or each is the next one to the one before it."""
    steps = {ord(after) - ord(before) for before, after in zip(password, password[1:], strict=False)}
    return len(_once(password)) <= SHORTEST_WORD or (len(steps) == 1 and steps <= {-1, 1})


@functools.cache
def _common():
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
