import json

import pytest

from talks.layers.refusals import REQUEST_ID, Refusals

from .bare import ask


def refusing(pages=None, status=413, headers=()):
    refuse = Refusals(pages or {413: b"<h1>Too large</h1>"})
    return lambda environ, start_response: refuse(environ, start_response, status, "Too <large>.", headers)


def test_a_browser_gets_the_page():
    answer = ask(refusing(), HTTP_ACCEPT="text/html,application/xhtml+xml,*/*;q=0.8")

    assert (answer.status, answer.body) == (413, b"<h1>Too large</h1>")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        pytest.param("application/json", True, id="JSON alone"),
        pytest.param("application/json, text/html", False, id="JSON and HTML"),
        pytest.param("application/json, text/html;q=0", True, id="JSON, and HTML refused"),
        pytest.param("application/json, */*", False, id="JSON and anything"),
        pytest.param("*/*", False, id="anything"),
        pytest.param("", False, id="an empty list"),
        pytest.param("image/png", False, id="neither"),
        pytest.param(";;;q=,\xff", False, id="nonsense"),
    ],
)
def test_json_is_for_clients_that_accept_it_and_not_html(accept, is_json):
    assert (
        ask(refusing(), HTTP_ACCEPT=accept).headers["Content-Type"].startswith("application/json") is is_json
    )


def test_without_accept_it_is_html():
    assert ask(refusing()).headers["Content-Type"].startswith("text/html")


def test_the_json_is_that_of_the_api():
    body = json.loads(ask(refusing(), HTTP_ACCEPT="application/json").body)

    name = "request entity too large"
    assert body == {"status": name, "error": name, "message": "Too <large>."}


def test_an_address_can_have_a_page_of_its_own():
    refuse = Refusals({413: b"<h1>Too large</h1>"}, {(413, "/picture"): b"<h1>Too large a picture</h1>"})

    def app(environ, start_response):
        return refuse(environ, start_response, 413, "Too <large>.")

    assert ask(app, "/picture").body == b"<h1>Too large a picture</h1>"
    assert ask(app, "/other").body == b"<h1>Too large</h1>"


def test_under_the_api_it_is_always_json():
    assert (
        ask(refusing(), "/api/1.0/talks/", HTTP_ACCEPT="text/html").headers["Content-Type"]
        == "application/json"
    )


def test_the_answer_says_that_it_depends_on_accept():
    assert ask(refusing()).headers["Vary"] == "Accept"


def test_an_error_is_not_stored():
    assert ask(refusing()).headers["Cache-Control"] == "no-store"


def test_the_answer_to_head_has_the_length_and_no_body():
    answer = ask(refusing(), REQUEST_METHOD="HEAD")

    assert (answer.body, answer.headers["Content-Length"]) == (b"", "18")


def test_the_page_names_the_request():
    app = refusing({413: f"<p>{REQUEST_ID}</p>".encode()})

    assert ask(app, **{"talks.request_id": "abcdefgh"}).body == b"<p>abcdefgh</p>"


def test_pages_may_be_a_function():
    assert ask(refusing(lambda status: b"page %d" % status)).body == b"page 413"


def test_a_missing_page_is_replaced_by_a_plain_one_with_the_message_escaped():
    assert "<p>Too &lt;large&gt;.</p>" in ask(refusing(status=400)).text


def test_further_headers_are_sent():
    assert ask(refusing(headers=[("Retry-After", "5")])).headers["Retry-After"] == "5"


def test_a_wrong_method_is_told_the_right_ones():
    def app(environ, start_response):
        return Refusals({}).method_not_allowed(environ, start_response, "GET", "HEAD")

    answer = ask(app, REQUEST_METHOD="DELETE")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
