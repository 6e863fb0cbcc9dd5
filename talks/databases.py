"""Open the database that an address names: SQLite, PostgreSQL, MariaDB or MySQL.

What differs between them and can be said once is said here. Everything else of Talks speaks to all alike.
"""

import contextlib
import ipaddress
import os
import re
import sqlite3
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from peewee import Database, DatabaseError, OperationalError, SqliteDatabase
from playhouse.pool import PooledMySQLDatabase, PooledPostgresqlDatabase

# `full`: in WAL mode `normal` loses the last commits when the power goes, and an answered write must last.
PRAGMAS = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": "full"}
# What SQLite says when it is busy or its disk fails; its other operational errors are faults of ours.
AWAY = ("locked", "unable to open", "disk", "readonly", "full")
SCHEMES = {name: name for name in ("sqlite", "postgresql", "mysql")}
SCHEMES |= {"postgres": "postgresql", "mariadb": "mysql"}
PORTS = {"postgresql": 5432, "mysql": 3306}
EXAMPLES = {
    "sqlite": "sqlite:///path/to/file.db",
    "postgresql": "postgresql://user:password@host/database",
    "mysql": "mysql://user:password@host/database",
}


def _whole(text):
    if not re.fullmatch("[0-9]{1,6}", text):
        raise ValueError
    return int(text)


def _switch(text):
    return {"0": False, "1": True, "false": False, "true": True}[text.lower()]


# What may stand behind the question mark, as the driver wants it. What Talks depends on is not among it.
OPTIONS = {
    "postgresql": dict.fromkeys(
        ("application_name", "gssencmode", "host", "options", "sslcert", "sslkey", "sslmode", "sslrootcert")
        + ("target_session_attrs",),
        str,
    )
    | dict.fromkeys(
        ("connect_timeout", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout"),
        _whole,
    ),
    "mysql": dict.fromkeys(("program_name", "ssl_ca", "ssl_cert", "ssl_key", "unix_socket"), str)
    | dict.fromkeys(("ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"), _switch)
    | dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), _whole),
}


class Unsuitable(Exception):
    """A database that Talks cannot keep its data in; the message says in one line what would be right."""


class Address(NamedTuple):
    """What a database's address says. SQLite has only a `name`: its file, "" for memory."""

    engine: str
    name: str
    places: tuple[tuple[str, int], ...] = ()  # hosts and their ports; none: `options` name a socket
    user: str = ""
    password: str = ""
    options: dict = {}  # noqa: RUF012, never changed

    @property
    def on_server(self) -> bool:
        return self.engine != "sqlite"


def read_address(url: str) -> Address:
    """The parts of `url`, percent signs decoded, SQLite's file relative as it is written.

    Raises ValueError with a sentence that says what would be right, and no part of `url`: it has a password.
    """
    try:
        part = urlsplit(url)
    except ValueError:  # its message has the password
        raise ValueError("hosts, ports or brackets are wrong; use host, host:port or [IPv6]:port") from None
    engine = SCHEMES.get(part.scheme.partition("+")[0])
    if engine is None or "://" not in url:
        raise ValueError(f"unknown scheme; use {', '.join(EXAMPLES.values())}")
    if "\0" in unquote(url):
        raise ValueError(f"there is a NUL in it; use {EXAMPLES[engine]}")
    if part.fragment:
        raise ValueError("there is a # in it; use %23 for one in a name or password")
    if engine == "sqlite":
        return _file_address(part)
    return _server_address(engine, part)


def _file_address(part: SplitResult) -> Address:
    if part.netloc:
        raise ValueError("a SQLite address has three slashes: sqlite:///path/to/file.db")
    if part.query:
        raise ValueError("a SQLite address takes no options; use %3F for a question mark in a path")
    path = unquote(part.path[1:])
    return Address("sqlite", "" if path == ":memory:" else path)


def _server_address(engine: str, part: SplitResult) -> Address:
    options = _options(engine, part.query)
    login, _, places = part.netloc.rpartition("@")
    user, _, password = login.partition(":")
    found = tuple(_place(engine, place) for place in places.split(",")) if places else ()
    if not found and not options.keys() & {"host", "unix_socket"}:
        raise ValueError(f"it names no host; use {EXAMPLES[engine]}")
    if engine == "mysql" and len(found) > 1:
        raise ValueError(f"only PostgreSQL takes several hosts; use {EXAMPLES[engine]}")
    name = unquote(part.path[1:])
    if not name:
        raise ValueError(f"it names no database; use {EXAMPLES[engine]}")
    return Address(engine, name, found, unquote(user), unquote(password), options)


def _place(engine: str, text: str) -> tuple[str, int]:
    """Host and port of ``host``, ``host:port``, ``[IPv6]`` or ``[IPv6]:port``."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.%-]+))(?::([0-9]{1,5}))?", text)
    port = int(match[3] or PORTS[engine]) if match else 0
    with contextlib.suppress(ValueError):
        if match and match[1]:
            ipaddress.IPv6Address(match[1])
        if 0 < port < 2**16:
            return match[1] or unquote(match[2]), port
    raise ValueError("a host or port is wrong; use host, host:port or [IPv6]:port, ports from 1 to 65535")


def _options(engine: str, query: str) -> dict:
    known = OPTIONS[engine]
    try:
        return {name: known[name](value) for name, value in parse_qsl(query, keep_blank_values=True)}
    except (KeyError, ValueError):
        names = ", ".join(sorted(known))
        raise ValueError(f"an option after ? is unknown or has a wrong value; use {names}") from None


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

    def settle(self):
        """Before tables are made: see that this database suits. Raises Unsuitable."""
        if sqlite3.sqlite_version_info < (3, 35):
            raise Unsuitable(f"SQLite {sqlite3.sqlite_version} is too old; use 3.35 or newer")

    def close_all(self):
        """Before a fork: two processes must not share a connection."""
        self.close()


class Postgresql(PooledPostgresqlDatabase):
    """Text is sorted by code point in every database, whatever locale it was made with."""

    def get_context_options(self):
        return super().get_context_options() | {"text_collation": '"C"'}  # see models.py

    def settle(self):
        """As OwnersDatabase.settle."""
        if self.server_version < 120_000:
            raise Unsuitable(f"PostgreSQL {self.server_version // 10_000} is too old; use 12 or newer")
        encoding = self.execute_sql("SHOW server_encoding").fetchone()[0]
        if encoding != "UTF8":
            right = "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            raise Unsuitable(f"the database's text is {encoding}; make it with {right}")


class MySQLOrMariaDB(PooledMySQLDatabase):
    """Both servers, which differ in versions and in the names of collations."""

    field_types = {
        "DATETIME": "DATETIME(6)",  # a bare one has whole seconds
        "TEXT": "LONGTEXT",  # a bare one ends after 65,535 bytes
        "BLOB": "LONGBLOB",
    }

    def _set_server_version(self, conn):
        super()._set_server_version(conn)
        # peewee writes JSON and upserts in the words of MySQL unless it is told.
        self.mariadb = "maria" in conn.get_server_info().lower()

    @property
    def text(self) -> str:
        """The clause of CREATE or ALTER DATABASE with which text is kept as it is and compared by code point.

        Every other collation takes some texts for equal that are not: by case, accents, or blanks at the end.
        """
        collation = "utf8mb4_nopad_bin" if self.mariadb else "utf8mb4_0900_bin"
        return f"CHARACTER SET utf8mb4 COLLATE {collation}"

    def settle(self):
        """As OwnersDatabase.settle; tables that are made from now on have the right text."""
        product, oldest = ("MariaDB", (10, 6)) if self.mariadb else ("MySQL", (8, 0, 19))
        if self.server_version < oldest:
            found, needed = (".".join(map(str, version)) for version in (self.server_version, oldest))
            raise Unsuitable(f"{product} {found} is too old; use {needed} or newer")
        collation, engine = self.execute_sql(
            "SELECT @@collation_database, @@default_storage_engine"
        ).fetchone()
        if engine != "InnoDB":
            raise Unsuitable(f"new tables would be of {engine}; set default_storage_engine to InnoDB")
        if collation != self.text.split()[-1]:
            change = f"ALTER DATABASE `{self.database.replace('`', '``')}` {self.text}"
            try:
                self.execute_sql(change.replace("%", "%%"))
            except DatabaseError:
                raise Unsuitable(f"the database's text is {collation}; use {change}") from None


def open_database(url: str, connections: int = 20, patient: bool = False) -> Database:
    """A database for `url`, not yet connected. One connection a thread, opened and closed by request.

    `connections` is the most a process holds: no fewer than it has threads. `patient`: wait as long as a
    statement takes, as changing a large table may take minutes. Raises ValueError as `read_address` does.
    """
    address = read_address(url)
    return {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}[address.engine](
        address, connections, patient
    )


def _sqlite(address, connections, patient):
    # No pool: a connection of SQLite belongs to the thread that made it.
    # IMMEDIATE: a deferred transaction that reads and then writes fails at once when another writer
    # was faster, whatever the busy timeout says.
    return OwnersDatabase(
        address.name or ":memory:", lock_type="IMMEDIATE", autoconnect=False, pragmas=PRAGMAS
    )


def _pool(connections):
    return {
        "max_connections": connections,
        "timeout": 5,  # seconds to wait for a free one; without, a full pool raises at once
        "stale_timeout": 300,  # seconds after which one is opened anew: servers and firewalls drop old ones
        "connect_timeout": 3,
        "autoconnect": False,  # a connection that nobody opened is one that nobody closes
    }


def _postgresql(address, connections, patient):
    arguments = _pool(connections) | {
        "client_encoding": "UTF8",
        "application_name": "talks",
        "prepare_threshold": None,  # prepared statements fail behind PgBouncer
        # A server that went without a word: give up after 10 s, and find out on an idle connection too.
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 5,
        "keepalives_interval": 3,
        "keepalives_count": 3,
    }
    if address.places:
        hosts, ports = zip(*address.places, strict=True)
        arguments |= {"host": ",".join(hosts), "port": ",".join(map(str, ports))}
    if len(address.places) > 1:
        arguments["target_session_attrs"] = "read-write"  # the one that is the primary now
    login = {"user": address.user or None, "password": address.password or None}
    return Postgresql(address.name, **arguments | login | address.options)


def _mysql(address, connections, patient):
    arguments = _pool(connections) | {
        "client_flag": 2,  # FOUND_ROWS: an update counts the rows it found, as elsewhere
        # As elsewhere, what others commit is seen by the next statement.
        "init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "sql_mode": "TRADITIONAL",  # what does not fit is an error, whatever the server's default
        "program_name": "talks",
    }
    if address.places:
        arguments["host"], arguments["port"] = address.places[0]
    # The driver would encode text as Latin-1.
    arguments |= {"user": address.user or None, "password": address.password.encode()}
    # A server that says nothing must not hold a thread for ever.
    arguments |= {"read_timeout": 30, "write_timeout": 30} | address.options
    if patient:
        arguments |= {"read_timeout": None, "write_timeout": None}
    return MySQLOrMariaDB(address.name, **arguments)


def is_away(error: Exception) -> bool:
    """Whether the database could not answer, as against a statement that makes no sense."""
    return isinstance(error, OperationalError) and any(word in str(error) for word in AWAY)


def reason(error: Exception) -> str:
    """What the driver said of an error, in one line."""
    said = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    return " ".join(str(said.args[-1] if said.args else said).split())
