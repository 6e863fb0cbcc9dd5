"""Open the database that an address names."""

import contextlib
import os
from urllib.parse import unquote, urlsplit

from peewee import OperationalError, SqliteDatabase

# `full`: in WAL mode `normal` loses the last commits when the power goes, and an answered write must last.
PRAGMAS = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": "full"}
# What SQLite says when it is busy or its disk fails; its other operational errors are faults of ours.
AWAY = ("locked", "unable to open", "disk", "readonly", "full")


def sqlite_path(url: str) -> str | None:
    """The file that a ``sqlite:///`` address names, relative as it is written; None for memory.

    Raises ValueError with a sentence that says what would be right.
    """
    part = urlsplit(url)
    if part.scheme != "sqlite":
        raise ValueError(f"unknown scheme {part.scheme or url!r}; use sqlite:///path/to/file.db")
    if part.netloc:
        raise ValueError("a SQLite address has three slashes: sqlite:///path/to/file.db")
    path = unquote(part.path[1:])
    return None if path in ("", ":memory:") else path


class OwnersDatabase(SqliteDatabase):
    """Makes its file readable by the owner only, and so what SQLite puts beside it.

    The mode of a file that is there is its operator's business.
    """

    def _connect(self):
        if self.database != ":memory:":
            # Not there, or not ours to make: SQLite says so better.
            with contextlib.suppress(OSError):
                os.close(os.open(self.database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return super()._connect()


def open_database(url: str) -> SqliteDatabase:
    """A database for `url`, not yet connected. One connection a thread, opened and closed by request."""
    # IMMEDIATE: a deferred transaction that reads and then writes fails at once when another writer
    # was faster, whatever the busy timeout says.
    return OwnersDatabase(
        sqlite_path(url) or ":memory:", lock_type="IMMEDIATE", autoconnect=False, pragmas=PRAGMAS
    )


def is_away(error: Exception) -> bool:
    """Whether the database could not answer, as against a statement that makes no sense."""
    return isinstance(error, OperationalError) and any(word in str(error) for word in AWAY)
