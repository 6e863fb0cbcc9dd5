"""The second step of signing in, the page that manages it, and what administrators have to have."""

import re
import time

import pytest
from calling import basic, bearer, call, is_error
from conftest import PASSWORD, signed_in
from itsdangerous import TimestampSigner
from mailed import files, flush, plain
from test_second_factor import CODE, code_of, set_up, told

import main
from models import AuditEvent, Credential, LoginAttempt, OutboxMail, Session, User
from talks import second_factor

STEP, SETTINGS = "/auth/second-factor", "/auth/second-factor/settings"
APP, AGAIN = "/auth/second-factor/app", "/auth/reauthenticate"


@pytest.fixture
def app(bob):
    return set_up(bob)[0]


@pytest.fixture
def half(client, bob, app):
    """Bob's browser, which has sent the password."""
    answer = client.sign_in(bob)
    assert (answer.status_code, answer.location) == (303, STEP)
    return client


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setitem(main.app.config, "REQUIRE_ADMIN_2FA", True)


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def at(minutes, monkeypatch):
    """Let that time pass for what is signed."""
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: int(time.time() + minutes * 60))


def from_network(browser, number):
    browser.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
    return browser


def test_the_password_alone_begins_no_session(half):
    assert not signed_in(half)
    assert not Session.select().exists()


def test_the_right_code_signs_in(half, app):
    answer = half.submit(STEP, code=code_of(app))

    assert (answer.status_code, answer.location) == (303, "/")
    assert "Signed in as Bob." in half.get("/").text
    assert signed_in(half)


def test_a_recovery_code_signs_in(client, bob):
    codes = set_up(bob)[1]
    client.sign_in(bob)

    assert client.submit(STEP, recovery_code=codes[0].upper()).status_code == 303
    assert signed_in(client)


def test_after_the_second_step_comes_the_page_that_was_asked_for(client, bob, app):
    client.submit("/auth/login?next=/speakers", email=bob.email, password=PASSWORD)

    assert client.submit(STEP, code=code_of(app)).location == "/speakers"


@pytest.mark.parametrize("remembered", [True, False])
def test_who_asked_to_be_remembered_is(client, bob, app, remembered):
    client.sign_in(bob, **({"remember_me": "y"} if remembered else {}))
    client.submit(STEP, code=code_of(app))

    assert Session.get().remembered == remembered


def test_a_wrong_code_is_refused_beside_its_field(half, app):
    answer = half.submit(STEP, code=wrong(code_of(app)))

    assert answer.status_code == 422
    assert "That is not the app&#39;s present code" in answer.text
    assert not signed_in(half)


def test_a_code_that_was_used_is_refused(half, bob, app):
    code = code_of(app)
    half.submit(STEP, code=code)
    half.submit("/auth/logout")
    half.sign_in(bob)

    assert half.submit(STEP, code=code).status_code == 422
    assert not signed_in(half)


@pytest.mark.parametrize(
    "sent",
    [{}, {"code": ""}, {"code": "x" * 5000}, {"recovery_code": "\0"}, {"passkey": ""}, {"passkey": "x"}],
)
def test_an_answer_of_nothing_is_refused_with_a_sentence(half, sent):
    answer = half.submit(STEP, **sent)

    assert answer.status_code == (422 if sent else 200)
    assert not signed_in(half)
    assert ('class="wrong"' in answer.text or 'class="errors"' in answer.text) == bool(sent)


def test_a_visitor_is_asked_to_sign_in(client):
    assert client.get(STEP).location == "/auth/login"
    assert client.post(f"{STEP}/challenge").status_code == 400  # no form of ours


def test_half_a_session_ends_after_ten_minutes(half, app, monkeypatch):
    at(11, monkeypatch)

    answer = half.get(STEP)

    assert answer.location == "/auth/login"
    assert "That took longer than ten minutes." in half.get(answer.location).text
    assert not signed_in(half)


@pytest.mark.parametrize(
    "change",
    [{"password_hash": "another"}, {"session_epoch": 9}, {"is_active": False}],
    ids=["another password", "all sessions ended", "blocked"],
)
def test_half_a_session_ends_with(half, bob, app, change):
    User.update(change).where(User.id == bob.id).execute()

    assert half.get(STEP).location == "/auth/login"


def test_half_a_session_tells_nobody_the_password(half, bob):
    with half.session_transaction() as kept:
        assert bob.password_hash not in str(dict(kept))
        assert set(kept) <= {"half_session", "csrf_token"}


def test_half_a_session_of_somebody_else_cannot_be_made_up(client, bob, app):
    with client.session_transaction() as kept:
        kept["half_session"] = "WzEsIngiLGZhbHNlLCIvIl0.aaaa.bbbb"

    assert client.get(STEP).location == "/auth/login"


def test_who_is_signed_in_needs_no_second_step(half, app):
    half.submit(STEP, code=code_of(app))

    assert half.get(STEP).location == SETTINGS


def test_the_second_step_is_kept_by_no_cache(half):
    assert half.get(STEP).headers["Cache-Control"] == "no-store"


def test_a_form_without_its_token_is_refused(half, app):
    assert half.post(STEP, data={"code": code_of(app)}).status_code == 400
    assert not signed_in(half)


def test_too_many_codes_have_to_wait(half, app):
    for _ in range(LoginAttempt.PER_ACCOUNT):
        assert half.submit(STEP, code=wrong(code_of(app))).status_code == 422

    answer = half.submit(STEP, code=code_of(app))

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many attempts." in answer.text
    assert not signed_in(half)


def test_the_owner_is_told_once_that_somebody_tries_codes(half, bob, app):
    for _ in range(LoginAttempt.PER_ACCOUNT + 3):
        half.submit(STEP, code=wrong(code_of(app)))

    assert told(bob)[1:] == ["Somebody may know your password"]
    assert AuditEvent.select().where(AuditEvent.action == "second_factor.suspect").count() == 1


def test_the_password_does_not_forgive_wrong_codes(half, bob, app):
    for _ in range(LoginAttempt.PER_ACCOUNT):
        half.submit(STEP, code=wrong(code_of(app)))
    half.sign_in(bob)

    assert half.submit(STEP, code=code_of(app)).status_code == 429


def test_codes_cannot_be_guessed_from_many_networks(half, bob, app):
    for number in range(LoginAttempt.PER_ACCOUNT):
        from_network(half, number).submit(STEP, code=wrong(code_of(app)))

    assert from_network(half, 99).submit(STEP, code=code_of(app)).status_code == 429


def test_guesses_from_elsewhere_do_not_keep_the_owner_out(client, bob):
    app, codes = set_up(bob)
    client.sign_in(bob)
    for number in range(LoginAttempt.PER_ACCOUNT):
        from_network(client, number).submit(STEP, code=wrong(code_of(app)))

    assert from_network(client, 99).submit(STEP, recovery_code=codes[0]).status_code == 303


def test_the_right_code_forgives_wrong_ones(half, app):
    half.submit(STEP, code=wrong(code_of(app)))
    half.submit(STEP, code=code_of(app))

    assert not LoginAttempt.select().exists()


def test_the_settings_ask_for_the_password_again(as_bob):
    answer = as_bob.get(SETTINGS)
    assert answer.location == f"{AGAIN}?next=/auth/second-factor/settings"

    assert as_bob.submit(AGAIN, password="wrong").status_code == 422
    assert as_bob.get(SETTINGS).status_code == 303

    answer = as_bob.submit(answer.location, password=PASSWORD)
    assert answer.location == SETTINGS
    assert as_bob.get(SETTINGS).status_code == 200


def test_the_password_counts_for_ten_minutes(sure):
    with sure.session_transaction() as kept:
        kept["password_given_at"] -= 601

    assert sure.get(SETTINGS).status_code == 303


@pytest.mark.parametrize("path", ["app/new", "app", "passkeys", "passkeys/challenge", "codes", "remove"])
def test_nothing_changes_without_the_password(half, app, path):
    half.submit(STEP, code=code_of(app))
    before = list(Credential.select().order_by(Credential.id).tuples())
    path = f"{app.id}/remove" if path == "remove" else path

    answer = half.submit(f"{STEP}/{path}", page="/profile", code="123456", passkey="{}")

    assert answer.location == f"{AGAIN}?next={SETTINGS}"
    assert list(Credential.select().order_by(Credential.id).tuples()) == before


@pytest.mark.parametrize("target", ["//evil.example", "https:evil", "/\\evil"])
def test_the_password_leads_to_no_other_site(as_bob, target):
    assert as_bob.submit(f"{AGAIN}?next={target}", page=AGAIN, password=PASSWORD).location == "/"


def test_guessing_the_password_again_has_to_wait(as_bob):
    for _ in range(LoginAttempt.PER_ACCOUNT):
        as_bob.submit(AGAIN, password="wrong")

    assert as_bob.submit(AGAIN, password=PASSWORD).status_code == 429


def test_setting_up_an_app(sure, bob):
    assert sure.submit(f"{APP}/new", page=SETTINGS).location == APP
    page = sure.get(APP)
    app = second_factor.pending_app(bob)
    assert "<svg" in page.text
    assert " ".join(app.secret[at : at + 4] for at in range(0, 32, 4)) in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert not second_factor.is_needed(bob)

    refused = sure.submit(APP, code=wrong(code_of(app)))
    assert refused.status_code == 422
    assert "That is not the code the app shows now." in refused.text

    answer = sure.submit(APP, code=code_of(app))
    assert len(re.findall(f"<code>{CODE.pattern}</code>", answer.text)) == 10
    assert answer.headers["Cache-Control"] == "no-store"
    assert second_factor.is_needed(bob)
    assert not CODE.search(re.sub(r"<(link|script)[^>]*>", "", sure.get(SETTINGS).text))


def test_looking_at_the_page_again_shows_the_same_key(sure):
    sure.submit(f"{APP}/new", page=SETTINGS)
    shown = [re.search(r'class="key"><code>([A-Z2-7 ]+)', sure.get(APP).text)[1] for _ in range(2)]

    assert shown[0] == shown[1]


def test_looking_at_pages_changes_nothing(sure, writes):
    writes.clear()
    for path in (SETTINGS, APP, AGAIN):
        sure.get(path)

    assert writes == []


def test_who_sets_it_up_stays_signed_in_and_others_do_not(sure, client, bob):
    other = main.app.test_client()
    other.sign_in(bob)
    copy = main.app.test_client()
    sure.submit(f"{APP}/new", page=SETTINGS)
    copy.set_cookie("talks", sure.get_cookie("talks").value)
    sure.submit(APP, code=code_of(second_factor.pending_app(bob)))

    assert signed_in(sure)
    assert not signed_in(other)
    assert not signed_in(copy)


def test_new_recovery_codes_are_shown_once(sure, bob):
    sure.submit(f"{APP}/new", page=SETTINGS)
    sure.submit(APP, code=code_of(second_factor.pending_app(bob)))

    answer = sure.submit(f"{STEP}/codes", page=SETTINGS)

    assert len(CODE.findall(answer.text)) >= 10
    assert "10 of 10 left" in sure.get(SETTINGS).text


def test_removing_the_last_factor_says_what_that_means(half, bob, app):
    half.submit(STEP, code=code_of(app))
    half.submit(AGAIN, password=PASSWORD)

    assert half.submit(f"{STEP}/{app.id}/remove", page=SETTINGS).location == SETTINGS

    assert "Signing in asks for the password only." in half.get(SETTINGS).text
    assert not second_factor.is_needed(bob)


def test_nobody_removes_what_is_somebody_elses(sure, ada):
    app = set_up(ada)[0]
    code = Credential.get(Credential.kind == "recovery")

    for row in (app, code):
        assert sure.submit(f"{STEP}/{row.id}/remove", page=SETTINGS).status_code == 404
    assert second_factor.is_needed(ada)


def test_visitors_are_sent_to_sign_in(client):
    for path in (SETTINGS, APP, AGAIN):
        assert client.get(path).location.startswith("/auth/login?next=")


def test_the_menu_leads_to_the_settings(as_bob):
    assert 'href="/auth/account"' in as_bob.get("/").text
    assert f'href="{SETTINGS}"' in as_bob.get("/auth/account").text


def test_who_has_not_confirmed_an_address_cannot_lock_its_owner_out(sure, bob):
    User.update(confirmed_at=None, email=None, new_email="bob@example.org").execute()

    for path in (SETTINGS, APP):
        assert sure.get(path).location == "/auth/confirm"
    assert sure.submit(f"{APP}/new", page="/auth/confirm").location == "/auth/confirm"
    assert not Credential.select().exists()


def test_the_api_takes_no_password_of_who_has_a_second_factor(bob, app):
    for path in ("/token", "/comments/"):
        assert is_error(call("GET", path, headers=basic(bob.email)), 401, "unauthorized")


def test_the_api_takes_a_token_of_who_has_a_second_factor(bob, app):
    assert call("GET", "/comments/", headers=bearer(User.get_by_id(bob.id))).status_code == 200


def test_the_api_takes_the_password_of_others(bob):
    assert call("GET", "/token", headers=basic(bob.email)).status_code == 200


def test_an_administrator_without_one_is_led_to_set_one_up(strict, as_carol):
    for path in ("/", "/moderate-admin", "/mailbox", "/profile", "/new"):
        assert (as_carol.get(path).status_code, as_carol.get(path).location) == (303, SETTINGS)

    assert as_carol.get(SETTINGS).location.startswith(AGAIN)
    as_carol.submit(AGAIN, password=PASSWORD)
    assert "Administrators of this site need this." in as_carol.get(SETTINGS).text


def test_an_administrator_without_one_changes_nothing(strict, as_carol, carol):
    answer = as_carol.submit("/profile", page=AGAIN, name="Changed")

    assert answer.status_code == 403
    assert User.get_by_id(carol.id).name == "Carol"


def test_an_administrator_without_one_may_sign_out(strict, as_carol):
    assert as_carol.get("/auth/logout").status_code == 200
    assert as_carol.submit("/auth/logout").location == "/"
    assert as_carol.get("/").status_code == 200


def test_an_administrator_who_has_set_one_up_goes_on(strict, as_carol, carol):
    as_carol.submit(AGAIN, password=PASSWORD)
    as_carol.submit(f"{APP}/new", page=SETTINGS)
    as_carol.submit(APP, code=code_of(second_factor.pending_app(carol)))

    assert as_carol.get("/moderate-admin").status_code == 200


def test_others_need_none(strict, as_bob, client):
    assert as_bob.get("/profile").status_code == 200
    assert client.get("/").status_code == 200


def test_the_api_takes_nothing_of_an_administrator_without_one(strict, carol):
    assert is_error(call("GET", "/comments/", carol), 403, "forbidden")
    assert is_error(call("GET", "/token", headers=basic(carol.email)), 401, "unauthorized")


def test_the_api_takes_a_token_but_no_password_of_an_administrator_with_one(strict, carol):
    set_up(carol)

    assert call("GET", "/comments/", User.get_by_id(carol.id)).status_code == 200
    assert is_error(call("GET", "/token", headers=basic(carol.email)), 401, "unauthorized")


def test_a_mail_says_what_was_added_and_names_no_secret(bob, tmp_path):
    app, codes = set_up(bob)
    flush(tmp_path)

    (mail,) = files(tmp_path)
    assert mail["Subject"] == "[talks] An authenticator app was added"
    assert "List-Unsubscribe" not in mail
    for text in (plain(mail), mail.get_body(("html",)).get_content()):
        assert "signing in now asks for a code from it" in " ".join(text.split())
        assert SETTINGS in text
        assert app.secret not in text
        assert codes[0] not in text
    assert OutboxMail.get().sent_at
