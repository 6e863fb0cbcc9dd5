"""A form is bounded before anything reads it, and no form of the site comes near the bound."""

import pytest
from conftest import only_sqlite
from wtforms.validators import Length

import main
from forms import TalkForm
from talks import bodies, passwords
from talks.account_forms import SetupForm
from talks.comment_forms import VisitorCommentForm

URLENCODED = "application/x-www-form-urlencoded"


def fields(count):
    return "&".join(f"a{number}=1" for number in range(count))


def assert_refused(answer, status, said):
    """With a page of the site that says why."""
    assert answer.status_code == status
    assert f"Error {status}" in answer.text
    assert said in answer.text


@only_sqlite
def test_a_form_of_too_many_fields_is_refused(client):
    answer = client.post("/auth/login", data=fields(1001), content_type=URLENCODED)

    assert_refused(answer, 413, "That form has more than 1,000 fields.")


@only_sqlite
def test_a_form_of_a_thousand_fields_is_read(client):
    answer = client.post("/auth/login", data=fields(1000), content_type=URLENCODED)

    assert_refused(answer, 400, "That form belongs to another sign-in")


@only_sqlite
def test_a_visitor_sends_no_large_form(client):
    answer = client.post("/auth/login", data={"password": "a" * bodies.MOST_VISITOR_FORM_BYTES})

    assert_refused(answer, 413, "That is more than this site takes at once.")


@only_sqlite
def test_a_cookie_without_a_sign_in_makes_nobody_known(client):
    client.get("/auth/login")  # gives a session, for the form's token

    answer = client.post("/auth/login", data={"password": "a" * bodies.MOST_VISITOR_FORM_BYTES})

    assert answer.status_code == 413


@only_sqlite
def test_no_form_is_larger_than_the_largest_talk(as_bob):
    answer = as_bob.post("/profile", data={"bio": "a" * bodies.MOST_FORM_BYTES})

    assert_refused(answer, 413, "That is more than this site takes at once.")


@only_sqlite
def test_a_form_that_is_too_large_is_told_the_limit(client, monkeypatch):
    monkeypatch.setitem(main.app.config, "MAX_CONTENT_LENGTH", 10_000)

    answer = client.post("/auth/login", data={"email": "a" * 20_000})

    assert_refused(answer, 413, "That is more than this site takes at once. The limit is 0.01 MB.")


@pytest.mark.parametrize("status", main.drawn)
def test_a_page_drawn_for_anybody_claims_neither_a_place_nor_a_visitor(status):
    page = main.drawn[status].decode()

    assert "Sign in" not in page
    assert "aria-current" not in page


def bytes_of(form):
    """What a form can have when it passes: four bytes a character, each percent-encoded."""
    lengths = [
        check.max
        for field in form
        for check in field.validators
        if isinstance(check, Length) and check.max > 0
    ]
    return 12 * sum(lengths)


def test_the_longest_talk_fits(database):
    with main.app.test_request_context():
        assert bytes_of(TalkForm()) < bodies.MOST_FORM_BYTES


def test_the_longest_set_up_fits(database):
    with main.app.test_request_context():
        form = SetupForm()
        again = 12 * passwords.LONGEST  # the second password has to be like the first

        assert bytes_of(form) + again < bodies.MOST_VISITOR_FORM_BYTES


def test_the_longest_comment_of_a_visitor_fits(database):
    with main.app.test_request_context():
        stamp = 1_000

        assert bytes_of(VisitorCommentForm()) + stamp < bodies.MOST_VISITOR_FORM_BYTES
