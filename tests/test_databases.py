"""The file of the database is made for its owner's eyes only."""

import os
import stat

import pytest

from talks.databases import open_database


@pytest.fixture(autouse=True)
def everybody_may_read():
    """What is made is readable by all, where nothing else is said."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_only_the_owner_reads_a_new_database_and_what_is_beside_it(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/talks.db")
    with database.connection_context():
        database.execute_sql("CREATE TABLE t (x)")

        assert modes(tmp_path) == {"talks.db": 0o600, "talks.db-shm": 0o600, "talks.db-wal": 0o600}


def test_the_mode_of_a_file_that_is_there_stays(tmp_path):
    file = tmp_path / "talks.db"
    file.touch()
    file.chmod(0o640)
    with open_database(f"sqlite:///{file}").connection_context():
        pass

    assert modes(tmp_path)["talks.db"] == 0o640
