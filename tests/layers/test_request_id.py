import re

from hypothesis import given
from hypothesis import strategies as st

from talks.layers.request_id import RequestId

from .bare import ask, checked_hello, request


def test_an_answer_carries_the_id_that_the_environ_carries():
    seen = {}

    def app(environ, start_response):
        seen["id"] = environ["talks.request_id"]
        return checked_hello(environ, start_response)

    assert ask(RequestId(app)).headers["X-Request-Id"] == seen["id"]


def test_two_requests_have_two_ids():
    app = RequestId(checked_hello)

    assert ask(app).headers["X-Request-Id"] != ask(app).headers["X-Request-Id"]


def test_a_safe_id_of_the_client_is_kept():
    assert (
        ask(RequestId(checked_hello), HTTP_X_REQUEST_ID="abc-123_4.5").headers["X-Request-Id"]
        == "abc-123_4.5"
    )


@given(st.text(st.characters(max_codepoint=255), max_size=80))
def test_whatever_the_client_sends_the_id_is_safe(sent):
    answer = ask(RequestId(checked_hello), HTTP_X_REQUEST_ID=sent)

    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", answer.headers["X-Request-Id"])


def test_an_id_set_further_in_is_replaced_and_not_doubled():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("x-request-id", "other")])
        return [b""]

    answer = ask(RequestId(app), HTTP_X_REQUEST_ID="12345678")

    assert answer.headers.get_all("X-Request-Id") == ["12345678"]


def test_nothing_of_a_request_stays_on_the_layer():
    app = RequestId(checked_hello)
    before = dict(vars(app))
    app(request(), lambda *args: None).close()

    assert vars(app) == before
