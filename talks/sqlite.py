"""SQLite: a file of its owner's, whose writers wait in a queue, and which a server keeps open."""

import contextlib
import os
import sqlite3
import threading
from weakref import WeakSet

from peewee import DatabaseError, SqliteDatabase

from talks.database_errors import Away, Unsuitable
from talks.fields import Statement

TURN_SECONDS = 5  # for which a thread waits for those before it
WRITING = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class Connection(sqlite3.Connection):
    """Knows its cursors: one that was not read to its end would keep the state of the file it has seen."""

    is_sound = True
    file = None  # which one it has open, as `identity` says it

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cursors = WeakSet()

    def cursor(self, *args):
        cursor = super().cursor(*args)
        self.cursors.add(cursor)
        return cursor

    def rest(self):
        for cursor in list(self.cursors):
            cursor.close()


def identity(path):
    """Which file is at `path`: another one may be put in its place. None if there is none."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino


class OwnersDatabase(SqliteDatabase):
    """Makes its file readable by the owner only, and so what SQLite puts beside it.

    The mode of a file that is there is its operator's business.

    Threads of a process that want to write queue here. SQLite lets who is refused sleep and try again, and
    whoever happens to come when the file is free goes first: of eight clients one waited for three seconds.
    """

    context_class = Statement
    was_there = False

    def __init__(self, *args, **kwargs):
        self._turn = threading.Lock()
        self._mine = threading.local()
        self._parked = None  # connections that nobody uses; None: none is kept
        # A connection is passed from thread to thread, and never used by two at once.
        super().__init__(*args, factory=Connection, check_same_thread=False, **kwargs)

    def keep_connections(self):
        """Leave connections open for the next request, until `close_all`. For a process that serves.

        To open the file, read its schema and prepare each statement anew is a third of what it costs to post
        a comment; and the last one to close the file writes the log into it.
        """
        if self.database != ":memory:":
            self._parked = []

    def _connect(self):
        if self.database == ":memory:":
            return super()._connect()
        file = identity(self.database)
        if self.was_there and not file:  # a disk that is not mounted any more
            raise Away("unable to open database file: it is gone")
        return self._kept(file) or self._new()

    def _kept(self, file):
        """A connection that is open to this file, or None."""
        parked = self._parked
        while parked:
            with contextlib.suppress(IndexError):  # another thread was faster
                connection = parked.pop()
                if connection.file == file:
                    return connection
                connection.close()

    def _new(self):
        # Not there, or not ours to make: SQLite says so better.
        with contextlib.suppress(OSError):
            os.close(os.open(self.database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = super()._connect()
        connection.file = identity(self.database)
        self.was_there = True
        return connection

    def _close(self, connection):
        parked = self._parked
        if parked is None or connection.in_transaction or not connection.is_sound:
            connection.close()
        else:
            connection.rest()
            parked.append(connection)

    def close_all(self):
        """Before a fork: two processes must not share a connection. And before a process ends."""
        self.close()
        parked, self._parked = self._parked or [], None
        for connection in parked:
            connection.close()

    def execute_sql(self, sql, params=None):
        writes = sql.startswith(WRITING) and not self.in_transaction()
        with self.queued() if writes else contextlib.nullcontext():
            try:
                return super().execute_sql(sql, params)
            except DatabaseError:
                if not self.is_closed():
                    self.connection().is_sound = False  # or it is: then it is opened once more than needed
                raise

    @contextlib.contextmanager
    def queued(self):
        """The turn to write."""
        self._take_turn()
        try:
            yield
        finally:
            self._end_turn()

    def _take_turn(self):
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise Away("database is locked: others of this process write to it")
        self._mine.has_turn = True

    def _end_turn(self):
        if getattr(self._mine, "has_turn", False):
            self._mine.has_turn = False
            self._turn.release()

    def begin(self, lock_type=None):
        self._take_turn()
        try:
            super().begin(lock_type)
        except BaseException:
            self._end_turn()
            raise

    def commit(self):
        super().commit()
        self._end_turn()

    def rollback(self):
        try:
            super().rollback()
        finally:
            self._end_turn()

    def settle(self):
        """Before tables are made: see that this database suits. Raises Unsuitable."""
        if sqlite3.sqlite_version_info < (3, 35):
            raise Unsuitable(f"SQLite {sqlite3.sqlite_version} is too old; use 3.35 or newer")

    def have_patience(self, patient):
        """Whether connections from now on wait as long as a statement takes: those of a file always do."""
