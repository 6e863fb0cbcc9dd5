import logging

import pytest

from talks.layers.guard import Guard
from talks.layers.refusals import Refusals

from .bare import Server, ask, checked_hello, request

refuse = Refusals({500: b"<h1>It failed</h1>"})


def failing(environ, start_response):
    raise RuntimeError("before the headers")


def failing_after_the_headers(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    raise RuntimeError("after the headers")


def failing_at_the_first_chunk(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    raise RuntimeError("at the first chunk")
    yield b""


def failing_at_the_second_chunk(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    raise RuntimeError("at the second chunk")


def failing_when_asked_for_an_iterator(environ, start_response):
    class Body:
        def __iter__(self):
            raise RuntimeError("no iterator")

    start_response("200 OK", [("Content-Type", "text/plain")])
    return Body()


IN_TIME = [
    failing,
    failing_after_the_headers,
    failing_at_the_first_chunk,
    failing_when_asked_for_an_iterator,
]


@pytest.mark.parametrize("app", IN_TIME, ids=lambda app: app.__name__.replace("_", " "))
def test_while_the_headers_can_be_replaced_a_fault_gets_the_page(app, caplog):
    answer = Server().run(Guard(app, refuse), request())

    assert (answer.status, answer.body) == (500, b"<h1>It failed</h1>")


def test_once_the_headers_are_sent_the_fault_goes_on_to_the_server(caplog):
    with pytest.raises(RuntimeError, match="at the second chunk"):
        Server().run(Guard(failing_at_the_second_chunk, refuse), request())


@pytest.mark.parametrize("app", [*IN_TIME, failing_at_the_second_chunk], ids=lambda app: app.__name__)
def test_every_fault_is_logged_once_with_its_traceback_and_request(app, caplog):
    try:
        Server().run(Guard(app, refuse), request(**{"talks.request_id": "abcdefgh"}))
    except RuntimeError:
        pass

    (record,) = caplog.records
    assert (record.name, record.levelno) == ("talks", logging.ERROR)
    assert (record.request_id, record.method) == ("abcdefgh", "GET")
    assert record.exc_info[0] is RuntimeError


def test_the_log_does_not_name_the_address(caplog):
    ask(Guard(failing, refuse), "/unsubscribe/secret")

    assert "secret" not in caplog.text.replace(__file__, "")


def test_the_page_carries_the_headers_that_no_layer_will_add(caplog):
    answer = ask(Guard(failing, refuse, [("X-Extra", "1")]), **{"talks.request_id": "abcdefgh"})

    assert (answer.headers["X-Extra"], answer.headers["X-Request-Id"]) == ("1", "abcdefgh")


def test_the_body_that_failed_is_closed(caplog):
    closed = []

    class Body:
        def __iter__(self):
            raise RuntimeError

        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body()

    ask(Guard(app, refuse))

    assert closed == [True]


def test_the_end_of_the_process_is_not_a_fault():
    def app(environ, start_response):
        raise SystemExit

    with pytest.raises(SystemExit):
        Server().run(Guard(app, refuse), request())


def test_a_servers_own_file_wrapper_reaches_the_server():
    class Wrapper:
        def __iter__(self):
            return iter([b"file"])

    sent = Wrapper()

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return sent

    environ = request(**{"wsgi.file_wrapper": Wrapper})
    assert Guard(app, refuse)(environ, Server().start_response) is sent


def test_without_a_fault_nothing_is_logged(caplog):
    ask(Guard(checked_hello, refuse))

    assert caplog.records == []
