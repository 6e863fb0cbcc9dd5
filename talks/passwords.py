"""Passwords as hashes: argon2id at OWASP's parameters; werkzeug's hashes are understood too."""

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from werkzeug.security import check_password_hash

LONGEST = 1024  # characters; more is an attack on the processor, not a password
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified when there is no such account, so that both answers take one hash's time.
_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` made `stored`; one hash's work also when there is nothing stored."""
    password = password[:LONGEST]
    if stored and not stored.startswith("$argon2"):
        return is_hash(stored) and check_password_hash(stored, password)
    try:
        return _hasher.verify(stored or _NOBODY, password) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether to hash again at the next sign-in: werkzeug's, or weaker parameters than today's."""
    return not stored.startswith("$argon2") or _hasher.check_needs_rehash(stored)


def is_hash(text: str) -> bool:
    """Whether this is a hash that `verify` can check (for accounts made by scripts)."""
    if text.startswith("$argon2id$"):
        return text.count("$") == 5
    method, _, rest = text.partition("$")
    return method.split(":")[0] in {"scrypt", "pbkdf2"} and rest.count("$") == 1
