"""Open the database that an address names: SQLite, PostgreSQL, MariaDB or MySQL.

What differs between them and can be said once is said here. Everything else of Talks speaks to all alike.
"""

import contextlib
import os
import sqlite3

from peewee import (
    Database,
    DatabaseError,
    OperationalError,
    PeeweeException,
    ProgrammingError,
    SqliteDatabase,
)
from playhouse.pool import PooledMySQLDatabase, PooledPostgresqlDatabase

from talks.database_urls import read_address
from talks.fields import Statement

# `full`: in WAL mode `normal` loses the last commits when the power goes, and an answered write must last.
PRAGMAS = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": "full"}
# What SQLite says when it is busy or its disk fails; its other operational errors are faults of ours.
AWAY = ("locked", "unable to open", "disk", "readonly", "full")
# As elsewhere, a statement sees what others have committed. MariaDB and MySQL name that setting otherwise.
SESSION = (
    "SET SESSION /*M! tx_isolation */ /*!80000 transaction_isolation */ = 'READ-COMMITTED', "
    "SESSION innodb_lock_wait_timeout = {}"
)


class Unsuitable(Exception):
    """A database that Talks cannot keep its data in; the message says in one line what would be right."""


class OwnersDatabase(SqliteDatabase):
    """Makes its file readable by the owner only, and so what SQLite puts beside it.

    The mode of a file that is there is its operator's business.
    """

    context_class = Statement

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


class TakingTurns:
    """A transaction that waits for the one before it, as all do on SQLite.

    What a transaction reads is then true until it ends: nobody takes a name, or is the first administrator,
    between its looking and its writing. Without, each such place would need a lock of its own, in an order
    that makes no deadlock. A statement alone waits for nobody.
    """

    turn_seconds = 5  # to wait for one's turn; 0 is for ever

    def begin(self, isolation_level=None):
        super().begin(isolation_level)
        try:
            self.take_turn()
        except PeeweeException:
            with contextlib.suppress(PeeweeException):  # what failed first is what is said
                self.rollback()
            raise


class Postgresql(TakingTurns, PooledPostgresqlDatabase):
    """Columns of text name their order, by code point: that of the database is what its operator made it."""

    context_class = Statement

    def get_context_options(self):
        return super().get_context_options() | {"text_collation": '"C"'}

    def take_turn(self):
        self.execute_sql(f"SET LOCAL lock_timeout = '{self.turn_seconds}s'")
        self.execute_sql("SELECT pg_advisory_xact_lock(500236069747)")  # any number, if always this one

    def settle(self):
        """As OwnersDatabase.settle."""
        if self.server_version < 120_000:
            raise Unsuitable(f"PostgreSQL {self.server_version // 10_000} is too old; use 12 or newer")
        encoding = self.execute_sql("SHOW server_encoding").fetchone()[0]
        if encoding != "UTF8":
            right = "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            raise Unsuitable(f"the database's text is {encoding}; make it with {right}")


class MySQLOrMariaDB(TakingTurns, PooledMySQLDatabase):
    """Both servers, which differ in versions and in the names of collations."""

    context_class = Statement
    field_types = PooledMySQLDatabase.field_types | {
        "DATETIME": "DATETIME(6)",  # a bare one has whole seconds
        "TEXT": "LONGTEXT",  # a bare one ends after 65,535 bytes
        "BLOB": "LONGBLOB",
    }

    def _set_server_version(self, conn):
        super()._set_server_version(conn)
        # peewee writes JSON and upserts in the words of MySQL unless it is told.
        self.mariadb = "maria" in conn.get_server_info().lower()

    def take_turn(self):
        # A row's lock ends with the transaction, which that of GET_LOCK does not.
        turn = "SELECT id FROM talks_turn FOR UPDATE"
        try:
            is_there = self.execute_sql(turn).fetchone()
        except ProgrammingError:
            is_there = False
        if not is_there:
            self.execute_sql("CREATE TABLE IF NOT EXISTS talks_turn (id INTEGER PRIMARY KEY)")
            self.execute_sql("INSERT IGNORE INTO talks_turn VALUES (1)")
            super().begin()  # making a table has ended the transaction
            self.execute_sql(turn)

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
    database = Postgresql(address.name, **arguments | login | address.options)
    if patient:
        database.turn_seconds = 0
    return database


def _mysql(address, connections, patient):
    arguments = _pool(connections) | {
        "client_flag": 2,  # FOUND_ROWS: an update counts the rows it found, as elsewhere
        "init_command": SESSION.format(31_536_000 if patient else MySQLOrMariaDB.turn_seconds),
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


@contextlib.contextmanager
def patiently(database: Database):
    """A connection that waits as long as a statement takes: changing a large table may take minutes.

    Afterwards none is left open, which two processes would share after a fork.
    """
    bounds = ("read_timeout", "write_timeout")
    kept = {name: database.connect_params.pop(name) for name in bounds if name in database.connect_params}
    opened = database.connect(reuse_if_open=True)
    try:
        yield
    finally:
        database.connect_params.update(kept)
        if opened:
            database.close_all()


def is_away(error: Exception) -> bool:
    """Whether the database could not answer, as against a statement that makes no sense."""
    return isinstance(error, OperationalError) and any(word in str(error) for word in AWAY)


def reason(error: Exception) -> str:
    """What the driver said of an error, in one line."""
    said = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    return " ".join(str(said.args[-1] if said.args else said).split())
