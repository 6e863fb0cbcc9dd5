"""Settings: a table, and one line for each that cannot be used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

import app as settings
from app import SETTINGS, SettingError, made_once, read_settings
from talks.errors import checked_address
from talks.layers.limits import site_host
from talks.layers.security import policy

ROOT = Path(settings.__file__).parent
NAMES = [setting.name for setting in SETTINGS]


def read(name, text):
    return read_settings({name: text})[name]


def flask_process(**environ):
    """Start the real command with these settings, in the development configuration unless they say so."""
    inherited = {name: value for name, value in os.environ.items() if name not in NAMES}
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "main", "routes"],
        cwd=ROOT,
        env=inherited | {"TALKS_CONFIG": "testing"} | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_every_default_is_valid():
    assert read_settings({}).keys() == set(NAMES)


@pytest.mark.parametrize("setting", SETTINGS, ids=NAMES)
def test_each_setting_is_explained_in_a_sentence(setting):
    assert 10 < len(setting.help) < 120
    assert setting.help.endswith(".")


def test_no_setting_stands_in_the_table_twice():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_setting_is_its_default(name):
    assert read(name, "") == read_settings({})[name]


GOOD = [
    ("TALKS_CONFIG", " production ", "production"),
    ("DATABASE_URL", "sqlite:////var/talks.db", "sqlite:////var/talks.db"),
    ("DATABASE_URL", "sqlite:///instance/a.db", f"sqlite:///{ROOT}/instance/a.db"),
    ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///:memory:"),
    ("DATABASE_URL", " postgresql://ada:pw@db/talks ", "postgresql://ada:pw@db/talks"),
    ("DATABASE_URL", "mysql://ada:pw@db/talks", "mysql://ada:pw@db/talks"),
    ("SITE_URL", "https://talks.example.org/", "https://talks.example.org"),
    ("SITE_URL", "http://[2001:db8::1]:8000", "http://[2001:db8::1]:8000"),
    ("TALKS_PER_PAGE", " 200 ", 200),
    (
        "PEERTUBE_HOSTS",
        "Tube.example.org, tube.example.com:9000,",
        ("tube.example.org", "tube.example.com:9000"),
    ),
    ("FETCH_THUMBNAILS", "1", True),
    ("MAIL_USE_TLS", "0", False),
    ("MAIL_SENDER", "Talks <talks@example.org>", "Talks <talks@example.org>"),
    ("MAIL_SUBJECT_PREFIX", "[our talks] ", "[our talks] "),
    ("SYSLOG", "/dev/log", "/dev/log"),
    ("SYSLOG", "log.example.org:514", "log.example.org:514"),
]


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_a_setting_is_read(name, text, value):
    assert read(name, text) == value


BAD = [
    ("TALKS_CONFIG", ["prod", "Production"]),
    ("DATABASE_URL", ["talks.db", "postgresql://localhost", "sqlite://talks.db", "sqlite:///a%00b", "://"]),
    (
        "SITE_URL",
        ["talks.example.org", "ftp://x.org", "https://", "https://x.org/talks", "https://x.org/?a=b"]
        + ["https://x.org#a", "https://user@x.org", "https://x.org:99999", "https://[::1", "https://a b.org"],
    ),
    ("TALKS_PER_PAGE", ["0", "201", "-1", "1.5", "many", "٣", "1e2", "9" * 5000]),
    ("MAX_UPLOAD_MB", ["0", "1025", "5MB"]),
    ("TRUSTED_PROXIES", ["-1", "11", "yes"]),
    ("AVATARS", ["none", "Gravatar"]),
    ("PEERTUBE_HOSTS", ["https://tube.example.org", "tube.example.org/", "a b", "*.example.org", "x;y"]),
    ("FETCH_THUMBNAILS", ["yes", "true", "2"]),
    ("MAIL_PORT", ["0", "65536", "smtp"]),
    ("MAIL_USE_TLS", ["on"]),
    ("MAIL_USE_SSL", ["on"]),
    ("MAIL_SENDER", ["talks", "a\nb@example.org"]),
    ("MAIL_ERROR_RECIPIENT", ["operator", "a@b\r\nBcc: c@d"]),
    ("SYSLOG", ["localhost", "localhost:", ":514", "localhost:log"]),
    ("PORT", ["0", "65536", "http"]),
    ("WEB_CONCURRENCY", ["0", "257", "auto"]),
]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD for text in texts])
def test_a_bad_value_is_refused_in_one_line_that_names_the_setting(name, text):
    with pytest.raises(SettingError) as refusal:
        read(name, text)

    said = str(refusal.value)
    assert said.startswith(f"{name}=")
    assert len(said.splitlines()) == 1
    assert len(said) < 250
    assert ": use " in said or "; use " in said or "three slashes" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(max_size=30) | st.from_regex(r"(https?|sqlite)://[^a-z]{0,8}", fullmatch=True))
def test_any_text_is_read_or_refused(name, text):
    try:
        read(name, text)
    except SettingError as refusal:
        assert name in str(refusal)
        assert len(str(refusal).splitlines()) == 1


@given(st.text("htps:/.[]@1\\?# x-_%"))
def test_an_address_of_the_site_that_is_accepted_suits_the_limits(text):
    try:
        value = settings.site_url(f"https://{text}")
    except ValueError:
        return
    assert site_host(value)


@given(st.text("aé.:-[]1;, '*/"))
def test_hosts_that_are_accepted_fit_into_a_policy(text):
    try:
        found = settings.hosts(text)
    except ValueError:
        return
    for host in found:
        assert host in policy(frame_src=f"https://{host}")


@given(st.text("ab@.<> \r\n,\"'"))
def test_a_mail_address_that_is_accepted_suits_the_error_mail(text):
    try:
        value = settings.mailbox(text)
    except ValueError:
        return
    assert not value or checked_address({"MAIL_SENDER": value}, "MAIL_SENDER") == value


@pytest.mark.parametrize("value", ["postgres://ada:s3cret@db", "ada:s3cret@db", "sqlite://s3cret"])
def test_a_secret_is_not_printed(value):
    with pytest.raises(SettingError) as refusal:
        read("DATABASE_URL", value)

    assert "s3cret" not in str(refusal.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("SITE_URL", "https://x.org:99999"), ("MAIL_ERROR_RECIPIENT", "me")]
)
def test_the_real_process_says_it_in_one_line_and_ends(name, value):
    result = flask_process(**{name: value})

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"{name}='{value}': use ")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_real_process_does_not_print_a_secret():
    result = flask_process(DATABASE_URL="mysql://ada:s3cret@db:port/talks")

    assert result.returncode == 1
    assert result.stderr.startswith("DATABASE_URL=…: ")
    assert result.stderr.count("\n") == 1
    assert "s3cret" not in result.stderr


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "instance" / "secret_key"

    secret = made_once(path)

    assert len(secret) == 64
    assert made_once(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


def test_a_secret_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        made_once(tmp_path / "secret_key")
    finally:
        os.umask(before)

    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_there_is_kept(tmp_path):
    (tmp_path / "secret_key").write_text("mine\n")

    assert made_once(tmp_path / "secret_key") == "mine"


def test_two_sites_have_different_secrets(tmp_path):
    assert made_once(tmp_path / "one") != made_once(tmp_path / "two")


@pytest.mark.slow
def test_several_processes_at_once_agree_on_one_secret(tmp_path):
    path = tmp_path / "secret_key"
    script = (
        "import sys, os, app\n"
        "from pathlib import Path\n"
        "sys.stdout.write('ready\\n'); sys.stdout.flush()\n"
        "sys.stdin.readline()\n"
        f"print(app.made_once(Path({str(path)!r})))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    secrets = {process.communicate()[0] for process in processes}

    assert len(secrets) == 1
    assert len(secrets.pop().strip()) == 64
    assert os.listdir(tmp_path) == ["secret_key"]


def configured(tmp_path, **environ):
    site = Flask("site", instance_path=str(tmp_path / "instance"))
    settings.configure(site, environ)
    return site


def test_a_secret_that_is_set_is_used_and_none_is_made(tmp_path):
    assert configured(tmp_path, SECRET_KEY="mine").secret_key == "mine"
    assert not (tmp_path / "instance").exists()


def test_without_a_secret_one_is_made_beside_the_data(tmp_path):
    site = configured(tmp_path)

    assert site.secret_key == (tmp_path / "instance" / "secret_key").read_text()


def test_with_a_database_server_the_secret_has_to_be_set(tmp_path):
    with pytest.raises(SettingError, match="^SECRET_KEY: with a database server, set it to 64 random "):
        configured(tmp_path, DATABASE_URL="postgresql://db/talks")

    assert not (tmp_path / "instance").exists()


@pytest.mark.slow
def test_the_real_process_asks_for_the_secret_in_one_line():
    result = flask_process(DATABASE_URL="mysql://ada:s3cret@db/talks")

    assert result.returncode == 1
    assert result.stderr.startswith("SECRET_KEY: with a database server, set it ")
    assert result.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "instance").write_text("a file where the folder should be")

    with pytest.raises(SettingError, match=r"^SECRET_KEY: .*; set it$"):
        configured(tmp_path)


def test_an_empty_secret_is_refused(tmp_path):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "secret_key").write_text("\n")

    with pytest.raises(SettingError, match="^SECRET_KEY: instance/secret_key is empty"):
        configured(tmp_path)


def test_the_session_lasts_thirty_days_and_stays_on_this_site(tmp_path):
    config = configured(tmp_path).config

    assert config["PERMANENT_SESSION_LIFETIME"] == 30 * 24 * 3600
    assert config["SESSION_COOKIE_SAMESITE"] == "Lax"
    assert config["SESSION_COOKIE_HTTPONLY"]


def test_the_largest_body_is_the_setting(tmp_path):
    assert configured(tmp_path, MAX_UPLOAD_MB="7").config["MAX_CONTENT_LENGTH"] == 7 * 2**20
