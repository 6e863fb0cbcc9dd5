import pytest

from talks.layers.environ import Environ
from talks.layers.refusals import Refusals

from .bare import ask, checked_hello


def environ(shown=True):
    return Environ(checked_hello, Refusals({404: b"<h1>Nothing here</h1>"}), shown)


def test_it_lists_what_the_server_says():
    answer = ask(environ(), "/-/environ", REMOTE_ADDR="203.0.113.7")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "REMOTE_ADDR = '203.0.113.7'\n" in answer.text
    assert "wsgi.url_scheme = 'http'\n" in answer.text


@pytest.mark.parametrize(
    "key",
    ["HTTP_COOKIE", "HTTP_AUTHORIZATION", "QUERY_STRING", "SECRET_KEY", "HTTP_X_ANYTHING", "gunicorn.x"],
)
def test_it_does_not_show(key):
    assert "secret" not in ask(environ(), "/-/environ", **{key: "secret"}).text


def test_a_value_cannot_add_a_line():
    text = ask(environ(), "/-/environ", HTTP_USER_AGENT="a\nREMOTE_ADDR = '1.1.1.1'").text

    assert [line for line in text.splitlines() if line.startswith("REMOTE_ADDR")] == [
        "REMOTE_ADDR = '127.0.0.1'"
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_where_it_is_not_shown_there_is_nothing(method):
    assert ask(environ(shown=False), "/-/environ", REQUEST_METHOD=method).status == 404


def test_head_has_the_length_and_no_body():
    answer = ask(environ(), "/-/environ", REQUEST_METHOD="HEAD")

    assert answer.body == b""
    assert int(answer.headers["Content-Length"]) > 100


def test_another_method_is_refused():
    answer = ask(environ(), "/-/environ", REQUEST_METHOD="POST")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_other_addresses_reach_the_application():
    assert ask(environ(), "/-/environment").body == b"hello"
