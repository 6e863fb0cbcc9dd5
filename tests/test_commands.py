"""What `flask` can do: one line and exit code 1 for whatever cannot be done."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mailed
import pytest
from conftest import PASSWORD, only_sqlite
from test_second_factor import set_up, told
from werkzeug.security import generate_password_hash
from written import a_talk

import main
import models
from models import Alias, User
from talks import passwords, second_factor

ROOT = Path(main.__file__).parent
BOB = ["adduser", "bob@example.org", "bob"]


@pytest.fixture
def flask(database, monkeypatch):
    """Run a command in this process; the connection is open again afterwards."""
    monkeypatch.delenv("TALKS_PASSWORD", raising=False)
    monkeypatch.delenv("TALKS_PASSWORD_HASH", raising=False)
    runner = main.app.test_cli_runner()

    def run(*arguments, input=None, **environ):
        try:
            return runner.invoke(args=arguments, input=input, env=environ)
        finally:
            models.database.connect(reuse_if_open=True)

    return run


def flask_process(database_url, *arguments, **environ):
    """Run the real command."""
    inherited = {
        name: value for name, value in os.environ.items()
        if name not in ("TALKS_CONFIG", "TALKS_PASSWORD", "TALKS_PASSWORD_HASH")
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "main", *arguments],
        cwd=ROOT,
        env=inherited | {"DATABASE_URL": database_url, "TALKS_CONFIG": "testing"} | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def refused(result, said):
    """It failed with one line, and nobody was added."""
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1, result.stderr
    assert len(result.stderr) < 400
    assert said in result.stderr
    return User.select().count() == 0


def test_adduser_adds_a_confirmed_account(flask):
    result = flask(*BOB, TALKS_PASSWORD=PASSWORD)

    assert result.exit_code == 0
    assert result.output == "Added bob <bob@example.org>, member.\n"
    bob = User.get()
    assert passwords.verify(bob.password_hash, PASSWORD)
    assert bob.confirmed_at
    assert not bob.is_admin
    assert not bob.is_speaker


@pytest.mark.parametrize(("option", "right"), [("--admin", "is_admin"), ("--speaker", "is_speaker")])
def test_adduser_gives_the_right_that_is_asked_for(flask, option, right):
    flask(*BOB, option, TALKS_PASSWORD=PASSWORD)

    user = User.get()
    assert {name for name in ("is_admin", "is_speaker") if getattr(user, name)} == {right}


def test_remove_second_factor_lets_in_by_password_alone(flask, bob):
    set_up(bob)

    result = flask("remove-second-factor", "Bob@example.org")

    assert result.exit_code == 0
    assert result.output == "bob <bob@example.org> signs in by password alone, and is told so by mail.\n"
    assert not second_factor.is_needed(bob)
    assert told(bob)[-1] == "Two-step sign-in was switched off"


@pytest.mark.parametrize("email", ["bob@example.org", "nobody@example.org"])
def test_remove_second_factor_says_when_there_is_nothing_to_remove(flask, bob, email):
    result = flask("remove-second-factor", email)

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert email in result.stderr


def test_adduser_asks_for_the_password_twice(flask):
    result = flask(*BOB, input=f"{PASSWORD}\n{PASSWORD}\n")

    assert result.exit_code == 0
    assert "Password again:" in result.output
    assert PASSWORD not in result.output
    assert passwords.verify(User.get().password_hash, PASSWORD)


def test_adduser_takes_a_hash_by_werkzeug(flask):
    stored = generate_password_hash(PASSWORD)

    assert flask(*BOB, TALKS_PASSWORD_HASH=stored).exit_code == 0
    assert User.get().password_hash == stored


def test_who_was_added_signs_in(flask, client):
    flask("adduser", "Bob@Example.ORG", "Bob", TALKS_PASSWORD=PASSWORD)

    answer = client.submit("/auth/login", email="bob@example.org", password=PASSWORD)

    assert answer.status_code == 303


@only_sqlite
def test_passwords_that_differ_add_nobody(flask):
    result = flask(*BOB, input=f"{PASSWORD}\nanother\n")

    assert result.exit_code == 1
    assert "Error: The two passwords are not the same. Nothing was added.\n" in result.output
    assert User.select().count() == 0


@only_sqlite
def test_no_answer_adds_nobody(flask):
    assert flask(*BOB, input="").exit_code == 1
    assert User.select().count() == 0


@only_sqlite
@pytest.mark.parametrize(
    "email",
    [
        "", "bob", "@example.org", "bob@", "b o b@example.org", "bob@example.org\0", "bob\n@example.org",
        "bob@example.org,eve@example.org", "Bob <bob@example.org>", "b" * 5000 + "@example.org",
        "\udcff@example.org",
    ],
)  # fmt: skip
def test_a_bad_address_adds_nobody(flask, email):
    assert refused(flask("adduser", email, "bob", TALKS_PASSWORD=PASSWORD), "That is not an e-mail address.")


@only_sqlite
@pytest.mark.parametrize(
    "username",
    ["", "bob smith", "bob\0", "bob\n", "_bob", "böb", "a/b", "b" * 65, "b" * 5000, "\udcff"],
)
def test_a_bad_username_adds_nobody(flask, username):
    result = flask("adduser", "bob@example.org", username, TALKS_PASSWORD=PASSWORD)

    assert refused(result, "cannot be a username. Use letters a to z")


@pytest.mark.parametrize("username", ["bob", "BOB", "Bob"])
def test_a_taken_name_adds_nobody_in_any_letter_case(flask, bob, username):
    result = flask("adduser", "other@example.org", username, TALKS_PASSWORD=PASSWORD)

    refused(result, f"The username {username} is taken.")
    assert User.select().count() == 1


def test_a_name_that_leads_to_somebody_adds_nobody(flask, bob):
    Alias.create(user=bob, name="robert", key="robert")

    refused(flask("adduser", "other@example.org", "Robert", TALKS_PASSWORD=PASSWORD), "Robert is taken.")
    assert User.select().count() == 1


@pytest.mark.parametrize("email", ["bob@example.org", "BOB@EXAMPLE.ORG"])
def test_a_taken_address_adds_nobody_in_any_letter_case(flask, bob, email):
    refused(flask("adduser", email, "other", TALKS_PASSWORD=PASSWORD), "bob@example.org has an account")
    assert User.select().count() == 1


@only_sqlite
@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "at least 10"),
        ("short", "at least 10"),
        ("x" * 1025, "at most 1,024"),
        ("password123", "Attackers try this"),
        ("bob@example.org", "Others know this"),
        ("\udcff", "not UTF-8"),
    ],
    ids=["empty", "short", "too long", "common", "the address", "bytes that are no text"],
)
def test_a_password_that_cannot_be_one_adds_nobody(flask, monkeypatch, password, said):
    monkeypatch.setenv("TALKS_PASSWORD", password)

    assert refused(flask(*BOB), said)


@only_sqlite
@pytest.mark.parametrize("stored", ["correct horse", "$argon2id$a$b$c$d", "scrypt:1$salt$00", "x" * 5000])
def test_what_is_no_hash_adds_nobody(flask, stored):
    assert refused(flask(*BOB, TALKS_PASSWORD_HASH=stored), "TALKS_PASSWORD_HASH is not a hash")


def test_cron_lists_the_jobs_with_their_rhythm(flask):
    result = flask("cron")

    assert result.exit_code == 0
    jobs = [line.split()[0] for line in result.output.splitlines()]
    assert jobs == ["flush-mail", "purge", "fetch-thumbnails", "fetch-avatars"]
    assert "fetch-thumbnails     daily, with FETCH_THUMBNAILS=1\n" in result.output


def test_cron_names_the_jobs_to_who_asks_for_another(flask):
    assert refused(flask("cron", "nonsense"), "There is no job 'nonsense'. There are: flush-mail, purge")


@pytest.mark.parametrize("arguments", [["flush-mail"], ["cron", "flush-mail"]], ids=" ".join)
def test_the_mail_that_waits_is_sent_at_a_command(flask, ada, tmp_path, monkeypatch, arguments):
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path))
    mailed.posted(a_talk(ada, status="published"))

    assert flask(*arguments).output == "1 sent; 0 waiting.\n"
    assert flask(*arguments).output == "0 sent; 0 waiting.\n"
    assert len(mailed.files(tmp_path / "mail")) == 1


def test_what_was_not_sent_is_said(flask, ada, tmp_path, monkeypatch):
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path))
    monkeypatch.setitem(main.app.config, "MAIL_SERVER", "127.0.0.1")
    monkeypatch.setitem(main.app.config, "MAIL_PORT", 1)
    mailed.posted(a_talk(ada, status="published"))

    assert flask("flush-mail").stdout == "0 sent, 1 to be tried again; 1 waiting.\n"


def test_what_is_long_gone_is_purged_at_a_command(flask, tmp_path, monkeypatch):
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path))

    assert flask("cron", "purge").output.startswith("Purged 0 talks, ")


def test_thumbnails_are_not_fetched_unless_the_setting_says_so(flask):
    result = flask("cron", "fetch-thumbnails")

    assert result.exit_code == 0
    assert result.output.startswith("Nothing was fetched: set FETCH_THUMBNAILS=1")


def test_help_names_every_command(flask):
    output = flask("--help").output

    for name in ("adduser", "cron", "import-pyvideo"):
        assert f"  {name} " in output


@pytest.mark.slow
def test_the_real_command_makes_the_database(tmp_path):
    url = f"sqlite:///{tmp_path}/a b%23.db"

    first = flask_process(url, *BOB, "--admin", TALKS_PASSWORD=PASSWORD)
    again = flask_process(url, *BOB, TALKS_PASSWORD=PASSWORD)

    assert (first.returncode, first.stdout) == (0, "Added bob <bob@example.org>, administrator.\n"), (
        first.stderr
    )
    assert (tmp_path / "a b#.db").exists()
    assert again.returncode == 1
    assert again.stderr == "Error: The username bob is taken.\n"


@pytest.mark.slow
def test_a_database_that_cannot_be_opened_is_said_in_one_line(tmp_path):
    result = flask_process(f"sqlite:///{tmp_path}/missing/talks.db", "cron")

    assert result.returncode == 1
    assert result.stderr.startswith("Error: DATABASE_URL: ")
    assert result.stderr.count("\n") == 1


def test_a_file_that_is_no_database_is_said_in_one_line_and_kept(flask, tmp_path):
    other = tmp_path / "letter.txt"
    other.write_text("Dear Ada, " * 100)
    before = models.database.obj
    opened = main.open_database(f"sqlite:///{other}")
    with closing(before):
        models.database.initialize(opened)
        result = main.app.test_cli_runner().invoke(args=["cron"])
        models.database.initialize(before)

    assert result.exit_code == 1
    assert "file is not a database" in result.stderr
    assert other.read_text().startswith("Dear Ada")
