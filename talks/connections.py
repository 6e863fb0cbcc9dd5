"""Connections of the two drivers with what `talks.pool` asks of one, and none that waits for ever."""

import contextlib
import select

import psycopg
import pymysql
from psycopg.pq import TransactionStatus
from pymysql.constants import CR, SERVER_STATUS


class _Bounded:
    """What both have. `seconds` bounds each wait for the server; None: as long as it takes."""

    @contextlib.contextmanager
    def or_close(self):
        """Close this connection if the block fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def has_news(self):
        """Whether there is something to read, if only the end."""
        asked = select.poll()  # select() knows no descriptor above 1023
        asked.register(self, select.POLLIN)
        return bool(asked.poll(0))

    def answers(self, seconds):
        """Ask the server, and wait no longer than `seconds`."""
        before = self.seconds
        self.bound(seconds)
        try:
            self.probe()
        except (psycopg.Error, pymysql.Error):
            return False
        self.bound(before)
        return True


class PostgresqlConnection(_Bounded, psycopg.Connection):
    seconds = None

    @property
    def is_open(self):
        return not self.closed

    @property
    def in_transaction(self):
        return self.pgconn.transaction_status != TransactionStatus.IDLE

    def bound(self, seconds):
        self.seconds = seconds

    def probe(self):
        self.execute("SELECT 1")

    def wait(self, gen, interval=0.1, timeout=None):
        try:
            return super().wait(gen, interval, self.seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # the answer may still come, and would be taken for the next one's
            raise


class MySQLConnection(_Bounded, pymysql.connections.Connection):
    @classmethod
    def connected(cls, connect_timeout, **arguments):
        """A connection whose whole beginning is bounded by `connect_timeout`: the driver's is only TCP's.

        It is bounded so until `bound` is called. Raises only errors of the driver.
        """
        bounds = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), connect_timeout)
        try:
            return cls(**arguments | bounds)
        except OSError as error:  # of the network it makes its own
            raise pymysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, f"TLS: {error}") from error
        except RuntimeError as error:  # a way to sign in that lacks a package
            raise pymysql.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, str(error)) from error

    @property
    def is_open(self):
        return self._sock is not None

    @property
    def in_transaction(self):
        return bool(self.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    @property
    def seconds(self):
        return self._read_timeout

    def fileno(self):
        return self._sock.fileno()

    def bound(self, seconds):
        self._read_timeout = self._write_timeout = seconds

    def probe(self):
        self.ping(reconnect=False)
