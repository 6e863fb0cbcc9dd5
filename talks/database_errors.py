"""What an error of a database means: for a request, and for who starts the site."""

import re
import sqlite3

import psycopg
import pymysql
from peewee import OperationalError, PeeweeException

# Whatever a statement can end with. peewee wraps its own calls, but not every step through a result.
ERRORS = (PeeweeException, sqlite3.Error, psycopg.Error, pymysql.Error)

SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
}  # fmt: skip
# Connection, resources, operator, system, serialization and deadlock; then single conditions: waited too long
# for a lock, read-only, idle in a transaction for too long.
POSTGRESQL_AWAY = ("08", "53", "57", "58", "40", "55P03", "25006", "25P03", "25P04")
MYSQL_AWAY = {
    0,  # the driver's, about a connection that is closed
    3, 1021, 1026, 1030, 1114,  # disk
    1037, 1038, 1041,  # memory
    1047, 1053, 1077, 1078, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 4031,  # stopping, cut
    1205, 1213, 1317, 1969, 3024,  # waited too long
    1290, 1792, 1836,  # read-only
}  # fmt: skip

# What an operator does about what a driver says: the first whose words are in it, names in quotes left out.
ADVICE = {
    "is not a database|file is encrypted":
        "the file is no SQLite database; name another file, or one that is not there yet",
    "malformed":
        "the file is damaged; put a backup in its place",
    "unable to open":
        "the file cannot be opened or made; its folder has to be there, and both writable for this user",
    "readonly database":
        "the file or its folder is not writable for this user",
    "lock (wait )?timeout":
        "somebody else holds a table; end that, or wait until it is done",
    "database is locked":
        "another program holds the file; end it, or wait until it is done",
    r"\bfull\b|no space|disk i/o|errcode: 28":
        "the disk is full or failing; make room",
    "too many|max_user_connections|connection slots|connections are in use":
        "the server has no connection left; raise its limit, or start fewer workers",
    "read.?only":
        "the server takes no writes; name the primary",
    'database "" does not exist|unknown database|to database':
        "the server has no such database for this user; make it, and give the user all rights on it",
    'authentication|password|role "" does not exist|access denied|pg_hba|not allowed to connect':
        "the server refuses this user; set the right user and password (%40 for @, %23 for #), and let this"
        " machine in",
    "permission denied|command denied|must be owner":
        "the user may not do what Talks has to; give it all rights on the database",
    "timed? ?out|timeout|refused|can't connect|resolve|translate|not known|unreachable|no route|server closed"
    "|server running|lost connection|gone away|starting up|shutting down":
        "nothing answers there; set the right host and port, and see that the server runs and lets this"
        " machine in",
    r"\b(ssl|tls)\b|certificate":
        "the server and this address do not agree about TLS; set its options",
}  # fmt: skip
OTHERWISE = "the database refuses it"


class Unsuitable(Exception):
    """A database that Talks cannot keep its data in; the message says in one line what would be right."""


class Away(OperationalError):
    """No connection can be had, whatever the reason."""


def is_away(error: Exception) -> bool:
    """Whether the database could not answer, as against a statement that makes no sense."""
    said = _of_driver(error)
    if isinstance(said, sqlite3.Error):
        return (getattr(said, "sqlite_errorcode", 0) & 0xFF) in SQLITE_AWAY
    if isinstance(said, psycopg.Error):
        if said.sqlstate:
            return said.sqlstate.startswith(POSTGRESQL_AWAY)
        # Without a state it was not the server that spoke: there is no connection to it.
        return isinstance(said, psycopg.OperationalError)
    if isinstance(said, pymysql.Error):
        code = said.args[0] if said.args else None
        return code in MYSQL_AWAY or (isinstance(code, int) and 2000 <= code < 3000)
    return isinstance(said, Away)


def explain(error: Exception) -> str:
    """One line for who starts the site: the setting, what would be right, and what the driver said.

    Takes what opening and preparing a database raises, also `Unsuitable`, which says itself what is right.
    """
    said = reason(error)
    if not isinstance(error, ERRORS):
        return f"DATABASE_URL: {said}"
    unnamed = re.sub('"[^"]*"', '""', said).lower()
    advice = next((advice for words, advice in ADVICE.items() if re.search(words, unnamed)), OTHERWISE)
    return f"DATABASE_URL: {advice} ({said[:300]})"


def reason(error: Exception) -> str:
    """What the driver said of an error, in one line."""
    said = _of_driver(error)
    return " ".join(str(said.args[-1] if said.args else said).split()) or type(said).__name__


def _of_driver(error):
    """The error that peewee wrapped."""
    while isinstance(getattr(error, "orig", None), Exception):
        error = error.orig
    return error
