"""Real database servers in folders of their own, started by the tests and ended with them.

Their databases are such as an operator may have made: compared by the rules of a language. Their user
may do no more than docs/deploy.md says, and has a password that needs percent signs.
"""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import install
import psycopg
import pymysql
from live import PATIENCE_SECONDS, clean_environment, dying_with_us, free_port, wait_for

PASSWORD = "p@ss: wörd/#%"


class Server:
    """One server. `durable`: what it has answered survives `kill`; else it is faster.

    `start` makes its folder the first time; `stop` and `kill` keep the data, `remove` does not.
    """

    scheme = package = account = (
        ""  # account: who runs it when the tests are run by root, whom servers refuse
    )
    programs = ()

    def __init__(self, durable=False):
        self.durable = durable
        self.port = free_port()
        self.process = None
        self.folder = Path(tempfile.mkdtemp(prefix=f"talks-{self.scheme}-"))
        self.data, self.log = self.folder / "data", self.folder / "log"
        self.numbers = itertools.count(1)

    @classmethod
    def is_installed(cls):
        return all(install.program([name]) for name in cls.programs)

    @property
    def environment(self):
        # In a shared folder, two servers of MariaDB take each other's temporary tables away.
        return clean_environment(LC_ALL="C.UTF-8", TMPDIR=self.folder)

    def command(self, program, *arguments):
        """A program of the server, as the user who may run it."""
        command = dying_with_us([install.program([program]), *map(str, arguments)])
        if os.geteuid() != 0:
            return command
        # Outermost: becoming somebody else, a process forgets with whom it was to die.
        return ["setpriv", f"--reuid={self.account}", f"--regid={self.account}", "--init-groups", *command]

    def run(self, program, *arguments):
        ended = subprocess.run(
            self.command(program, *arguments), cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def start(self):
        """Start, and wait until it answers."""
        is_new = not self.data.exists()
        if is_new:
            if os.geteuid() == 0:
                account = pwd.getpwnam(self.account)
                os.chown(self.folder, account.pw_uid, account.pw_gid)
            self.initialise()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(*self.serving()), cwd=self.folder,
                env=self.environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_for(self.answers, self.package, self.process)
            if is_new:
                self.make_user()
        except BaseException as error:
            error.add_note(self.log.read_text(errors="replace"))
            self.kill()
            raise
        return self

    def answers(self):
        with contextlib.suppress(psycopg.OperationalError, pymysql.OperationalError):
            self.execute("SELECT 1")
            return True

    def stop(self, politely=signal.SIGTERM):
        """End it as its operator would."""
        if self.process is not None:
            self.process.send_signal(politely)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE_SECONDS)
            self.kill()

    def kill(self):
        """End it and all its processes at once, in the middle of what they do; none is left afterwards."""
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            process.wait()
            # PostgreSQL's others would finish what they are at, and until then it cannot be started again.
            while left := self.processes():
                for number in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
                time.sleep(0.01)

    def processes(self):
        """The numbers of those that work in the folder of its data, as all of a server's do."""
        found = []
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
                if link.readlink() == self.data:
                    found.append(int(link.parent.name))
        return found

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.remove()

    def url(self, name, port=None):
        """The address of a database of that name; `port` is that of something in front of the server."""
        return f"{self.scheme}://talks:{quote(PASSWORD, safe='')}@127.0.0.1:{port or self.port}/{name}"

    def make_database(self):
        """The address of a new and empty database."""
        name = f"talks_{os.getpid()}_{next(self.numbers)}"
        self.execute(self.creation.format(name))
        return self.url(name)

    def drop_database(self, url):
        self.execute(self.dropping.format(urlsplit(url).path[1:]))


class Postgresql(Server):
    scheme, package, account = "postgresql", "postgresql", "postgres"
    programs = ("initdb", "postgres")
    creation = "CREATE DATABASE {} OWNER talks TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
    dropping = "DROP DATABASE {} WITH (FORCE)"

    def initialise(self):
        self.run(
            "initdb", "-D", self.data, "-U", "operator", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
            "--auth-local=trust", "--auth-host=scram-sha-256",
        )  # fmt: skip

    def serving(self):
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder}
        settings |= {"shared_buffers": "32MB", "max_wal_senders": 0, "wal_level": "minimal"}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        pairs = (("-c", f"{name}={value}") for name, value in settings.items())
        return "postgres", "-D", self.data, "-p", self.port, *itertools.chain(*pairs)

    def execute(self, statement, database="postgres"):
        """Run one statement as the server's operator; returns its rows."""
        where = {"host": str(self.folder), "port": self.port, "user": "operator", "dbname": database}
        with psycopg.connect(autocommit=True, **where) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def make_user(self):
        self.execute(f"CREATE ROLE talks LOGIN PASSWORD '{PASSWORD}'")

    def stop(self):
        super().stop(signal.SIGINT)  # does not wait for clients to leave


class Mariadb(Server):
    scheme, package, account = "mysql", "mariadb-server", "mysql"
    programs = ("mariadb-install-db", "mariadbd")
    creation, dropping = "CREATE DATABASE {} COLLATE latin1_swedish_ci", "DROP DATABASE {}"

    def initialise(self):
        self.run(
            "mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db",
            "--auth-root-authentication-method=normal", "--innodb-log-file-size=16M",
            "--innodb-flush-method=nosync",
        )  # fmt: skip

    def serving(self):
        settings = {"datadir": self.data, "socket": self.folder / "s", "pid-file": self.folder / "pid"}
        settings |= {"port": self.port, "bind-address": "127.0.0.1", "innodb-buffer-pool-size": "64M"}
        settings |= {"innodb-log-file-size": "16M", "innodb-use-native-aio": 0}
        if not self.durable:
            settings |= {"innodb-flush-log-at-trx-commit": 0, "innodb-flush-method": "nosync"}
            settings |= {"innodb-doublewrite": 0, "sync-frm": 0}
        pairs = (f"--{name}={value}" for name, value in settings.items())
        return "mariadbd", "--no-defaults", "--skip-name-resolve", *pairs

    def execute(self, statement, database=None):
        """Run one statement as the server's operator; returns its rows."""
        # Not by its Unix socket: where that is not there yet, the driver leaves its own open.
        where = {"host": "127.0.0.1", "port": self.port, "user": "root", "database": database}
        with contextlib.closing(pymysql.connect(autocommit=True, ssl_disabled=True, **where)) as connection:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())

    def make_user(self):
        self.execute(f"CREATE USER talks IDENTIFIED BY '{PASSWORD}'")
        self.execute("GRANT ALL ON `talks%`.* TO talks")
