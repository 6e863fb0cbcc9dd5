"""Passwords as hashes: argon2id at OWASP's parameters; werkzeug's hashes are understood too."""

import re

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, VerifyMismatchError
from werkzeug.security import check_password_hash

LONGEST = 1024  # characters; more is an attack on the processor, not a password
LONGEST_HASH = 255  # characters: what its column holds
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
