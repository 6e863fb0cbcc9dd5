"""Codes of an app and recovery codes: each works once, and what happens to them is told."""

import re
import time
from datetime import timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_accounts import at_once

import main
from models import AuditEvent, Credential, OutboxMail, Session, User, database, utcnow
from talks import second_factor

CODE = re.compile("[0-9a-hjkmnp-tv-z]{5}(-[0-9a-hjkmnp-tv-z]{5}){2}")


def code_of(app, seconds_off=0):
    """What a phone shows whose clock is that wrong."""
    return pyotp.TOTP(app.secret).at(time.time() + seconds_off)


def later(app, steps=1):
    """As if the last code had been used so many time steps ago."""
    Credential.update(counter=Credential.counter - steps).where(Credential.id == app.id).execute()


def set_up(user):
    """(app, recovery codes) of `user`, who has set up an app; its present code counts as unused."""
    pending = second_factor.begin_app(user)
    codes = second_factor.finish_app(user, pending, code_of(pending))
    app = Credential.get_by_id(pending.id)
    later(app, 9)
    return app, codes


@pytest.fixture
def app(bob):
    return set_up(bob)[0]


@pytest.fixture
def codes(bob):
    return set_up(bob)[1]


def told(user):
    """The subjects of the mails to `user`, the oldest first."""
    mails = OutboxMail.select().where(OutboxMail.to_email == user.email).order_by(OutboxMail.id)
    return [mail.payload["subject"] for mail in mails]


def test_who_has_set_up_an_app_needs_it(bob):
    assert not second_factor.is_needed(bob)

    set_up(bob)

    assert second_factor.is_needed(bob)


def test_an_app_that_has_shown_nothing_yet_changes_nothing(bob):
    second_factor.begin_app(bob)

    assert not second_factor.is_needed(bob)
    assert not second_factor.factors_of(bob)


def test_a_wrong_code_does_not_turn_an_app_on(bob):
    pending = second_factor.begin_app(bob)

    assert second_factor.finish_app(bob, pending, "000000" if code_of(pending) != "000000" else "1") is None
    assert not second_factor.is_needed(bob)


def test_an_app_is_set_up_within_the_hour(bob):
    pending = second_factor.begin_app(bob)
    assert second_factor.pending_app(bob) == pending
    Credential.update(created_at=utcnow() - timedelta(hours=2)).execute()

    assert second_factor.pending_app(bob) is None


def test_beginning_anew_forgets_what_was_begun(bob):
    second_factor.begin_app(bob)
    second_factor.begin_app(bob)

    assert Credential.select().count() == 1


def test_another_phone_takes_the_place_of_the_first(bob, app):
    second, codes = set_up(bob)

    assert codes == []
    assert [row.id for row in Credential.confirmed(bob).where(Credential.kind == "totp")] == [second.id]
    assert not second_factor.take_code(bob, code_of(app))
    assert second_factor.take_code(bob, code_of(second))


def test_the_code_that_set_the_app_up_is_used(bob):
    pending = second_factor.begin_app(bob)
    code = code_of(pending)
    second_factor.finish_app(bob, pending, code)

    assert not second_factor.take_code(bob, code)


@pytest.mark.parametrize("off", [-30, 0, 30])
def test_a_clock_may_be_half_a_minute_wrong(bob, app, off):
    assert second_factor.take_code(bob, code_of(app, off))


@pytest.mark.parametrize("off", [-300, -90, 90, 300])
def test_a_clock_that_is_further_off_is_refused(bob, app, off):
    assert not second_factor.take_code(bob, code_of(app, off))


def test_a_code_works_once(bob, app):
    code = code_of(app)

    assert second_factor.take_code(bob, code)
    assert not second_factor.take_code(bob, code)


def test_after_a_code_no_earlier_one_works(bob, app):
    before = code_of(app, -30)
    second_factor.take_code(bob, code_of(app))

    assert not second_factor.take_code(bob, before)


def test_of_two_with_the_same_code_one_gets_in(bob, app):
    code = code_of(app)

    results = at_once(4, lambda number: second_factor.take_code(bob, code))

    assert sorted(results) == [False] * 3 + [True]


def test_a_code_may_be_typed_with_a_blank(bob, app):
    code = code_of(app)

    assert second_factor.take_code(bob, f" {code[:3]} {code[3:]} ")


def test_a_code_of_somebody_else_is_refused(bob, ada, app):
    set_up(ada)

    assert not second_factor.take_code(ada, code_of(app))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "12345\0", "-12345", "1e5", "None"])
def test_what_is_no_code_is_refused(bob, app, code):
    assert not second_factor.take_code(bob, code)
    assert not second_factor.take_recovery_code(bob, code)


@given(code=st.text(max_size=40), now=st.integers(0, 2**33))
def test_no_text_is_too_strange_for_a_code(code, now):
    app = Credential(secret="JBSWY3DPEHPK3PXP" * 2)

    assert second_factor.step_of(app, code, now) in (None, now // 30 - 1, now // 30, now // 30 + 1)
    assert re.fullmatch("[0-9a-f]{64}", second_factor.digest(User(id=1), code))


def test_ten_recovery_codes_come_with_the_first_factor(codes):
    assert len(set(codes)) == 10
    assert all(CODE.fullmatch(code) for code in codes)


def test_the_database_holds_only_digests_of_recovery_codes(bob, codes):
    rows = Credential.select().where(Credential.kind == "recovery").tuples()
    stored = "".join(map(str, rows))

    assert not any(part in stored for code in codes for part in (code, code.replace("-", "")))
    assert len({key for row in rows for key in row if re.fullmatch("[0-9a-f]{64}", str(key))}) == 10


def test_a_recovery_code_works_once(bob, codes):
    assert second_factor.take_recovery_code(bob, codes[3])
    assert not second_factor.take_recovery_code(bob, codes[3])
    assert second_factor.take_recovery_code(bob, codes[4])
    assert second_factor.factors_of(bob).codes_left == 8


def test_of_two_with_the_same_recovery_code_one_gets_in(bob, codes):
    results = at_once(4, lambda number: second_factor.take_recovery_code(bob, codes[0]))

    assert sorted(results) == [False] * 3 + [True]


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(str.upper, id="in capitals"),
        pytest.param(lambda code: code.replace("-", ""), id="without hyphens"),
        pytest.param(lambda code: f"  {code.replace('-', '  ')}\n", id="with blanks"),
        pytest.param(lambda code: code.replace("0", "o").replace("1", "l"), id="with letters for digits"),
    ],
)
def test_a_recovery_code_may_be_typed(bob, codes, typed):
    assert all(second_factor.take_recovery_code(bob, typed(code)) for code in codes)


def test_a_recovery_code_of_somebody_else_is_refused(ada, codes):
    set_up(ada)

    assert not any(second_factor.take_recovery_code(ada, code) for code in codes)


def test_new_recovery_codes_end_the_old_ones(bob, codes):
    fresh = second_factor.renew_codes(bob)

    assert len(set(fresh) - set(codes)) == 10
    assert not second_factor.take_recovery_code(bob, codes[0])
    assert second_factor.take_recovery_code(bob, fresh[0])


def test_of_two_who_renew_at_once_ten_codes_are_left(bob, codes):
    at_once(3, lambda number: second_factor.renew_codes(bob))

    assert second_factor.factors_of(bob).codes_left == 10


def test_who_has_no_factor_gets_no_recovery_codes(bob):
    assert second_factor.renew_codes(bob) is None
    assert not Credential.select().exists()


def test_with_the_last_factor_the_recovery_codes_go(bob, app):
    assert second_factor.remove(app, by=bob)

    assert not second_factor.is_needed(bob)
    assert not Credential.select().exists()
    assert not second_factor.remove(app, by=bob)


def test_what_is_lost_can_all_be_removed_at_once(bob, carol, app):
    assert second_factor.remove_all(bob, by=carol)

    assert not Credential.select().exists()
    assert not second_factor.remove_all(bob, by=carol)
    event = AuditEvent.select().where(AuditEvent.action == "second_factor.remove_all").get()
    assert (event.actor, event.object_id) == (carol, bob.id)


def test_the_first_factor_ends_what_a_password_alone_began(bob):
    bob.session_token = Session.begin(bob, remembered=False)
    Session.begin(bob, remembered=True)
    before = User.get_by_id(bob.id).session_epoch

    set_up(bob)

    assert [row.has(bob.session_token) for row in Session.select()] == [True]
    assert Session.user_of(bob.session_token) == bob
    assert User.get_by_id(bob.id).session_epoch > before


def test_the_owner_is_told_of_each_change(bob, codes):
    app = second_factor.factors_of(bob).app
    second_factor.take_recovery_code(bob, codes[0])
    second_factor.renew_codes(bob)
    second_factor.remove(app, by=bob)

    assert told(bob) == [
        "An authenticator app was added",
        "A recovery code was used",
        "New recovery codes",
        "The authenticator app was removed",
    ]
    mails = OutboxMail.select().where(OutboxMail.kind == "second_factor")
    assert all(mail.due_at <= utcnow() for mail in mails)


def test_each_change_is_noted_without_a_secret(bob, codes):
    app = second_factor.factors_of(bob).app
    second_factor.take_recovery_code(bob, codes[0])
    second_factor.remove(app, by=bob)

    noted = AuditEvent.select().where(AuditEvent.action.startswith("second_factor.")).order_by(AuditEvent.id)
    assert [event.action for event in noted] == [
        "second_factor.add",
        "second_factor.use_recovery_code",
        "second_factor.remove",
    ]
    assert all(event.actor == bob and event.object_kind == "user" for event in noted)
    said = "".join(str(event.details) for event in noted)
    assert app.secret not in said
    assert codes[0] not in said


def test_a_change_that_fails_tells_nothing(bob, monkeypatch):
    pending = second_factor.begin_app(bob)
    monkeypatch.setattr(second_factor, "make_codes", lambda user: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        second_factor.finish_app(bob, pending, code_of(pending))

    assert not OutboxMail.select().exists()
    assert not AuditEvent.select().where(AuditEvent.action == "second_factor.add").exists()
    assert not second_factor.is_needed(bob)


def test_whoever_is_deleted_leaves_no_secret(bob, app):
    with database.atomic():
        bob.delete_instance()

    assert not Credential.select().exists()


def test_the_address_for_apps_names_site_account_and_secret(bob, app):
    uri = pyotp.parse_uri(second_factor.address_for_apps(app, "Talks: the site & more"))

    assert (uri.issuer, uri.name, uri.secret) == ("Talks: the site & more", "bob@example.org", app.secret)
    assert (uri.digits, uri.interval, uri.digest().name) == (6, 30, "sha1")


def test_the_qr_code_is_drawn_without_styles():
    drawn = second_factor.picture_of("otpauth://totp/x?secret=" + "A" * 32)

    assert drawn.startswith("<svg ")
    assert "style" not in drawn
    assert "script" not in drawn


@pytest.mark.parametrize(
    ("required", "is_admin"), [(False, True), (True, False), (False, False), (True, True)]
)
def test_only_administrators_have_to_have_one_where_that_is_asked(bob, monkeypatch, required, is_admin):
    bob.is_admin = is_admin
    monkeypatch.setitem(main.app.config, "REQUIRE_ADMIN_2FA", required)

    with main.app.app_context():
        assert second_factor.is_missing(bob) == (required and is_admin)
        assert second_factor.takes_passwords_alone(bob) == (not (required and is_admin))
        set_up(bob)
        assert not second_factor.is_missing(bob)
        assert not second_factor.takes_passwords_alone(bob)
