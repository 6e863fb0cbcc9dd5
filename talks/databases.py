"""Open the database that an address names: SQLite, PostgreSQL, MariaDB or MySQL.

What differs between them and can be said once is said here. Everything else of Talks speaks to all alike.
"""

import contextlib

from peewee import (
    Database,
    DatabaseError,
    MySQLDatabase,
    PeeweeException,
    PostgresqlDatabase,
    ProgrammingError,
)

from talks.connections import MySQLConnection, PostgresqlConnection
from talks.database_errors import Unsuitable
from talks.database_urls import read_address
from talks.fields import Statement
from talks.pool import Pool
from talks.sqlite import OwnersDatabase

# `full`: in WAL mode `normal` loses the last commits when the power goes, and an answered write must last.
PRAGMAS = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": "full"}
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 10  # then we hang up
# The server is to end a statement before we hang up (it would go on for nobody), and a transaction whose
# client went without a word (all others would wait for its turn): nine and fifteen seconds.
POSTGRESQL_BOUNDS = "SET statement_timeout = '9s'; SET idle_in_transaction_session_timeout = '15s'"
MYSQL_BOUNDS = (
    "SET SESSION lock_wait_timeout = {0}, SESSION innodb_lock_wait_timeout = {0}"
    " /*M! , SESSION max_statement_time = 9, SESSION idle_transaction_timeout = 15 */"
    " /*!80000 , SESSION max_execution_time = 9000, SESSION wait_timeout = 60 */"
)
MYSQL_UNBOUND = "SET SESSION innodb_lock_wait_timeout = 31536000"
# As elsewhere, a statement sees what others have committed. MariaDB and MySQL name that setting otherwise.
ISOLATION = "SET SESSION /*M! tx_isolation */ /*!80000 transaction_isolation */ = 'READ-COMMITTED'"


class TakingTurns:
    """A transaction that waits for the one before it, as all do on SQLite.

    What a transaction reads is then true until it ends: nobody takes a name, or is the first administrator,
    between its looking and its writing. Without, each such place would need a lock of its own, in an order
    that makes no deadlock. A statement alone waits for nobody.
    """

    patient = False
    turn_seconds = 5

    def have_patience(self, patient):
        """As OwnersDatabase.have_patience."""
        self.patient = patient
        self.close_idle()

    def begin(self, isolation_level=None):
        super().begin(isolation_level)
        try:
            self.take_turn()
        except PeeweeException:
            with contextlib.suppress(PeeweeException):  # what failed first is what is said
                self.rollback()
            raise


class Postgresql(TakingTurns, Pool, PostgresqlDatabase):
    """Columns of text name their order, by code point: that of the database is what its operator made it."""

    context_class = Statement

    def get_context_options(self):
        return super().get_context_options() | {"text_collation": '"C"'}

    def open_connection(self):
        connection = PostgresqlConnection.connect(
            dbname=self.database, autocommit=True, **self.connect_params
        )
        if not self.patient:
            connection.bound(STATEMENT_SECONDS)
            with connection.or_close():
                connection.execute(POSTGRESQL_BOUNDS)
        return connection

    def take_turn(self):
        if not self.patient:
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


class MySQLOrMariaDB(TakingTurns, Pool, MySQLDatabase):
    """Both servers, which differ in versions and in the names of collations."""

    context_class = Statement
    field_types = MySQLDatabase.field_types | {
        "DATETIME": "DATETIME(6)",  # a bare one has whole seconds
        "TEXT": "LONGTEXT",  # a bare one ends after 65,535 bytes
        "BLOB": "LONGBLOB",
    }

    def _set_server_version(self, conn):
        super()._set_server_version(conn)
        # peewee writes JSON and upserts in the words of MySQL unless it is told.
        self.mariadb = "maria" in conn.get_server_info().lower()

    def open_connection(self):
        connection = MySQLConnection.connected(database=self.database, autocommit=True, **self.connect_params)
        with connection.or_close():
            connection.query(MYSQL_UNBOUND if self.patient else MYSQL_BOUNDS.format(self.turn_seconds))
        connection.bound(None if self.patient else STATEMENT_SECONDS)
        return connection

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


def open_database(url: str, connections: int = 20) -> Database:
    """A database for `url`, not yet connected. One connection a thread, opened and closed by request.

    `connections` is the most a process holds: no fewer than it has threads. Raises ValueError as
    `read_address` does.
    """
    address = read_address(url)
    if address.engine == "sqlite":
        return _sqlite(address)
    arguments = {
        "connections": connections,
        "connect_timeout": CONNECT_SECONDS,
        "autoconnect": False,  # a connection that nobody opened is one that nobody closes
    }
    return {"postgresql": _postgresql, "mysql": _mysql}[address.engine](address, arguments)


def _sqlite(address):
    # IMMEDIATE: a deferred transaction that reads and then writes fails at once when another writer
    # was faster, whatever the busy timeout says.
    return OwnersDatabase(
        address.name or ":memory:", lock_type="IMMEDIATE", autoconnect=False, pragmas=PRAGMAS
    )


def _postgresql(address, arguments):
    arguments |= {
        "client_encoding": "UTF8",
        "application_name": "talks",
        "prepare_threshold": None,  # prepared statements fail behind PgBouncer
        # A server that went without a word: find out on an idle connection too.
        "tcp_user_timeout": STATEMENT_SECONDS * 1000,
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


def _mysql(address, arguments):
    arguments |= {
        "client_flag": 2,  # FOUND_ROWS: an update counts the rows it found, as elsewhere
        "init_command": ISOLATION,
        "sql_mode": "TRADITIONAL",  # what does not fit is an error, whatever the server's default
        "program_name": "talks",
    }
    if address.places:
        arguments["host"], arguments["port"] = address.places[0]
    # The driver would encode text as Latin-1.
    arguments |= {"user": address.user or None, "password": address.password.encode()}
    return MySQLOrMariaDB(address.name, **arguments | address.options)


@contextlib.contextmanager
def patiently(database: Database):
    """A connection that waits as long as a statement takes: changing a large table may take minutes.

    Afterwards none is left open, which two processes would share after a fork.
    """
    database.have_patience(True)
    opened = False
    try:
        opened = database.connect(reuse_if_open=True)
        yield database
    finally:
        database.have_patience(False)
        if opened:
            database.close_all()
