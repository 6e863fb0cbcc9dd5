"""The address of a database is read, or refused in a sentence; its file is made for its owner's eyes only."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talks.database_urls import read_address
from talks.databases import open_database

GOOD = {
    "sqlite:///talks.db": ("sqlite", "talks.db"),
    "sqlite:////srv/my%20talks%3F.db": ("sqlite", "/srv/my talks?.db"),
    "sqlite:///:memory:": ("sqlite", ""),
    "postgresql://db/talks": ("postgresql", "talks", (("db", 5432),)),
    "postgres://ada@db:5433/talks": ("postgresql", "talks", (("db", 5433),), "ada"),
    "postgresql+psycopg://db/talks": ("postgresql", "talks", (("db", 5432),)),
    "postgresql://ada:p%40%3A%2F%23@db/my%2Ftalks": (
        "postgresql", "my/talks", (("db", 5432),), "ada", "p@:/#",
    ),
    "postgresql://ada:a:b@db/talks": ("postgresql", "talks", (("db", 5432),), "ada", "a:b"),
    "postgresql://one,two:5433,[::1]:5434,[::1]/talks": (
        "postgresql", "talks", (("one", 5432), ("two", 5433), ("::1", 5434), ("::1", 5432)),
    ),
    "postgresql://%2Frun%2Fpostgresql/talks": ("postgresql", "talks", (("/run/postgresql", 5432),)),
    "postgresql:///talks?host=/run/postgresql": (
        "postgresql", "talks", (), "", "", {"host": "/run/postgresql"},
    ),
    "postgresql://db/talks?sslmode=require&connect_timeout=9": (
        "postgresql", "talks", (("db", 5432),), "", "", {"sslmode": "require", "connect_timeout": 9},
    ),
    "mysql://ad%C3%A1:%F0%9F%94%91@[2001:db8::1]:3307/talks": (
        "mysql", "talks", (("2001:db8::1", 3307),), "adá", "🔑",
    ),
    "mariadb://db/talks": ("mysql", "talks", (("db", 3306),)),
    "mysql+pymysql:///talks?unix_socket=/run/mysqld.sock&ssl_verify_identity=1&connect_timeout=9": (
        "mysql", "talks", (), "", "",
        {"unix_socket": "/run/mysqld.sock", "ssl_verify_identity": True, "connect_timeout": 9},
    ),
}  # fmt: skip


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_read(url):
    read = read_address(url)

    assert read[: len(GOOD[url])] == GOOD[url]
    assert not any(read[len(GOOD[url]) :])


BAD = {
    "talks.db": "unknown scheme; use sqlite:///path/to/file.db, postgresql://user:password@host/database",
    "oracle://db/talks": "unknown scheme",
    "://ada:s3cret@db/talks": "unknown scheme",
    "postgresql:talks": "unknown scheme",
    "sqlite://talks.db": "three slashes",
    "sqlite:///talks.db?mode=ro": "use %3F",
    "sqlite:///a%00b": "NUL",
    "postgresql://ada:s3cret@db": "it names no database; use postgresql://user:password@host/database",
    "postgresql://ada:s3cret@db/": "it names no database",
    "postgresql:///talks": "it names no host; use postgresql://user:password@host/database",
    "mysql://ada:s3cret@/talks": "it names no host; use mysql://user:password@host/database",
    "mysql://ada:s3cret@one,two/talks": "only PostgreSQL takes several hosts",
    "postgresql://ada:s3cret@one,,two/talks": "a host or port is wrong",
    "postgresql://ada:s3cret@db:port/talks": "ports from 1 to 65535",
    "postgresql://ada:s3cret@db:65536/talks": "ports from 1 to 65535",
    "postgresql://ada:s3cret@db:0/talks": "ports from 1 to 65535",
    "postgresql://ada:s3cret@2001:db8::1/talks": "[IPv6]:port",
    "postgresql://ada:s3cret@[::1/talks": "[IPv6]:port",
    "postgresql://ada:s3cret@[::g]/talks": "[IPv6]:port",
    "postgresql://ada:s3cret@d b/talks": "a host or port is wrong",
    "postgresql://ada:s3cret/@db/talks": "a host or port is wrong",
    "postgresql://ada:a#s3cret@db/talks": "use %23",
    "postgresql://ada:1?s3cret@db/talks": "an option after ? is unknown or has a wrong value",
    "postgresql://ada:s3cret@db/talks?sslmod=require": "use application_name, connect_timeout,",
    "postgresql://ada:s3cret@db/talks?connect_timeout=soon": "a wrong value",
    "postgresql://ada:s3cret@db/talks?client_encoding=latin1": "an option after ? is unknown",
    "mysql://ada:s3cret@db/talks?ssl_verify_identity=perhaps": "a wrong value",
    "mysql://ada:s3cret@db/talks?charset=latin1": "an option after ? is unknown",
}


@pytest.mark.parametrize("url", BAD)
def test_an_address_that_cannot_be_used_is_refused_with_what_would_be_right(url):
    with pytest.raises(ValueError) as refusal:
        read_address(url)

    said = str(refusal.value)
    assert BAD[url] in said
    assert "s3cret" not in said
    assert len(said.splitlines()) == 1


@given(st.from_regex(r"(sqlite|postgresql|mysql)://[^a-z]{0,12}/[^a-z]{0,6}", fullmatch=True) | st.text())
def test_any_text_is_an_address_or_no_value(text):
    try:
        address = read_address(text)
    except ValueError:
        return
    assert address.engine == "sqlite" or (address.name and address.places)


def test_of_several_hosts_the_one_that_takes_writes_is_wanted():
    one, two = (open_database(f"postgresql://{hosts}/talks").connect_params for hosts in ("a", "a,[::1]:1"))

    assert "target_session_attrs" not in one
    assert (two["host"], two["port"], two["target_session_attrs"]) == ("a,::1", "5432,1", "read-write")


@pytest.fixture
def everybody_may_read():
    """What is made is readable by all, where nothing else is said."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.usefixtures("everybody_may_read")
def test_only_the_owner_reads_a_new_database_and_what_is_beside_it(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/talks.db")
    with database.connection_context():
        database.execute_sql("CREATE TABLE t (x)")

        assert modes(tmp_path) == {"talks.db": 0o600, "talks.db-shm": 0o600, "talks.db-wal": 0o600}


@pytest.mark.usefixtures("everybody_may_read")
def test_the_mode_of_a_file_that_is_there_stays(tmp_path):
    file = tmp_path / "talks.db"
    file.touch()
    file.chmod(0o640)
    with open_database(f"sqlite:///{file}").connection_context():
        pass

    assert modes(tmp_path)["talks.db"] == 0o640
