"""Open the database that an address names."""

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


def open_database(url: str) -> SqliteDatabase:
    """A database for `url`, not yet connected. One connection a thread, opened and closed by request."""
    # IMMEDIATE: a deferred transaction that reads and then writes fails at once when another writer
    # was faster, whatever the busy timeout says.
    return SqliteDatabase(
        sqlite_path(url) or ":memory:", lock_type="IMMEDIATE", autoconnect=False, pragmas=PRAGMAS
    )


def is_away(error: Exception) -> bool:
    """Whether the database could not answer, as against a statement that makes no sense."""
    return isinstance(error, OperationalError) and any(word in str(error) for word in AWAY)
