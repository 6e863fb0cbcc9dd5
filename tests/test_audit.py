"""What is noted of who did what, and what never is."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from calling import basic, call
from conftest import PASSWORD
from flask_login import login_user
from written import a_talk

import main
from models import AuditEvent, OutboxMail, Tag, User, utcnow
from talks import account_mail, accounts, audit

SECRET = "hunter2 hunter2"
THING = Tag(name="Maps")


@pytest.fixture
def talk(ada):
    return a_talk(ada, title="Boundaries")


def noted(path="/", by=None, **details):
    with main.app.test_request_context(path, environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        main.app.preprocess_request()
        return AuditEvent.get_by_id(audit.record("tag.edit", THING, by=by, **details).id)


def test_a_row_says_who_did_what_to_which_object_and_when(talk, ada):
    audit.record("talk.publish", talk, by=ada, before="draft")

    row = AuditEvent.get()
    assert (row.action, row.actor, row.actor_name) == ("talk.publish", ada, "ada")
    assert (row.object_kind, row.object_id, row.object_name) == ("talk", talk.id, "Boundaries")
    assert row.details == {"before": "draft"}
    assert utcnow() - row.at < timedelta(minutes=1)


def test_without_a_request_it_was_a_command(talk):
    row = audit.record("talk.publish", talk)

    assert (row.door, row.network, row.actor, row.actor_name) == ("command", "", None, "")


def test_who_is_signed_in_did_it_unless_somebody_else_is_named(bob, carol):
    with main.app.test_request_context("/"):
        login_user(bob)
        by_default, named = audit.record("tag.edit", THING), audit.record("tag.edit", THING, by=carol)

    assert (by_default.actor_name, named.actor_name) == ("bob", "carol")


@pytest.mark.parametrize(
    "path, door",
    [
        ("/comment/1/approve", "page"),
        ("/api/1.0/comments/1", "api"),
        ("/api/v1.0/comments/1", "api"),
        ("/moderate/eyJ", "mail"),
        ("/auth/setup/eyJ", "page"),
        ("/admin/talk/", "panel"),
        ("/nothing-here", "page"),
    ],
)
def test_the_door_is_told_from_the_request(database, path, door):
    assert noted(path).door == door


def test_the_network_is_kept_as_a_digest(database):
    first, second = noted().network, noted().network

    assert first == second
    assert len(first) == 64
    assert "192.0.2" not in first


@pytest.mark.parametrize("name", ["password", "new_password", "api_token", "totp_secret", "password_hash"])
def test_what_is_named_like_a_secret_is_not_kept(database, name):
    row = noted(**{name: SECRET, "changed": {name: [SECRET, SECRET]}})

    assert SECRET not in json.dumps(row.details)
    assert row.details[name] == audit.NOT_KEPT


def test_details_are_kept_as_json_has_them(talk, ada):
    day = datetime(2026, 5, 31, tzinfo=UTC)

    details = noted(who=ada, when=day, ids={3}, count=2, yes=True, none=None).details

    assert details == {
        "who": str(ada.id), "when": day.isoformat(), "ids": [3], "count": 2, "yes": True, "none": None
    }  # fmt: skip


def test_a_long_detail_is_cut(database):
    assert len(noted(words="x" * 9000).details["words"]) == audit.LONGEST + 1


def test_a_long_title_is_cut_to_the_column(ada):
    talk = a_talk(ada, title="ü" * 255)

    assert audit.record("talk.publish", talk).object_name == "ü" * 255


def test_an_act_that_was_rolled_back_was_not_done(database, talk):
    with database.atomic() as transaction:
        audit.record("talk.publish", talk)
        transaction.rollback()

    assert not AuditEvent.select().exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda row: AuditEvent.update(action="x").execute(),
        lambda row: AuditEvent.delete().execute(),
        lambda row: row.delete_instance(),
    ],
)
def test_rows_are_never_changed(talk, change):
    row = audit.record("talk.publish", talk)

    with pytest.raises(TypeError):
        change(row)
    row.action = "talk.delete"
    with pytest.raises(TypeError):
        row.save()


def test_a_row_stays_when_its_actor_is_gone(talk, bob):
    audit.record("talk.publish", talk, by=bob)
    User.delete().where(User.id == bob.id).execute()

    row = AuditEvent.get()
    assert (row.actor, row.actor_name) == (None, "bob")


def last():
    """(action, username of who did it, kind and id of what it was done to, door) of the newest row."""
    row = AuditEvent.select().order_by(AuditEvent.id.desc()).get()
    return row.action, row.actor_name, row.object_kind, row.object_id, row.door


def test_an_account_made_by_command_is_noted(database, monkeypatch):
    monkeypatch.setenv("TALKS_PASSWORD", PASSWORD)
    main.app.test_cli_runner().invoke(args=["adduser", "bob@example.org", "bob"])
    database.connect(reuse_if_open=True)

    assert last() == ("user.create", "", "user", User.get().id, "command")


def test_the_first_administrator_is_noted(client, database):
    address = f"/auth/setup/{accounts.setup_token(main.app.secret_key)}"
    twice = {"password": PASSWORD, "password2": PASSWORD}
    client.submit(address, username="carol", email="carol@example.org", **twice)

    row = AuditEvent.get(AuditEvent.action == "user.create")
    assert (row.actor, row.door) == (User.get(), "page")


def test_asking_for_a_reset_is_noted_without_the_address(client, bob):
    client.submit("/auth/reset", email=bob.email)
    assert last() == ("user.ask_reset", "", "user", bob.id, "page")

    client.submit("/auth/reset", email="nobody@example.org")
    assert last() == ("user.ask_reset", "", "site", None, "page")
    assert "example.org" not in str(list(AuditEvent.select().dicts()))


def test_keeping_the_address_is_noted(as_bob, bob):
    as_bob.submit("/auth/email/keep", page="/auth/account")

    assert last() == ("user.keep_address", "bob", "user", bob.id, "page")


def test_a_token_of_the_api_is_noted_by_both_doors(as_bob, bob):
    call("GET", "/token", headers=basic(bob.email))
    assert last() == ("user.api_token", "bob", "user", bob.id, "api")

    as_bob.submit("/auth/token", page="/auth/account")
    assert last() == ("user.api_token", "bob", "user", bob.id, "page")


def test_a_mail_that_is_sent_again_is_noted(as_carol, carol):
    account_mail.tell(carol, "password_changed")
    OutboxMail.update(failed_at=utcnow()).execute()

    as_carol.submit(f"/mailbox/{OutboxMail.get().id}/again", page="/mailbox")

    assert last() == ("mail.again", "carol", "outbox_mail", OutboxMail.get().id, "page")
