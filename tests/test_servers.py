"""The servers of the tests: real, apart from any other on this machine, and gone with the tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import peewee
import pytest
import servers
from conftest import missing, opened
from live import wait_for

pytestmark = pytest.mark.server
KINDS = [servers.Postgresql, servers.Mariadb]
SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import servers
server = servers.{kind}().start()
print(server.process.pid, server.folder, flush=True)
input()
"""


@pytest.fixture(params=KINDS, ids=[kind.package for kind in KINDS])
def kind(request):
    if not request.param.is_installed():
        missing(request.param.package)
    return request.param


def values(url):
    with opened(url) as database:
        return [value for (value,) in database.execute_sql("SELECT x FROM t ORDER BY x")]


def test_what_was_answered_survives_the_kill_of_a_durable_server(kind):
    with kind(durable=True) as server:
        url = server.make_database()
        with opened(url) as database:
            database.execute_sql("CREATE TABLE t (x INTEGER PRIMARY KEY)")
            database.execute_sql("INSERT INTO t VALUES (1)")
            server.kill()
            with pytest.raises((peewee.OperationalError, peewee.InterfaceError)):
                database.execute_sql("INSERT INTO t VALUES (2)")
        server.start()
        assert values(url) == [1]
        server.restart()
        assert values(url) == [1]
    assert not server.folder.exists()


def test_a_server_ends_when_the_tests_are_killed(kind):
    script = SCRIPT.format(tests=str(Path(__file__).parent), kind=kind.__name__)
    tests = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process, folder = tests.stdout.readline().split()
    tests.send_signal(signal.SIGKILL)
    tests.communicate()

    wait_for(lambda: not os.path.exists(f"/proc/{process}"), "the end of the server")
    subprocess.run(["rm", "-r", folder], check=True)
