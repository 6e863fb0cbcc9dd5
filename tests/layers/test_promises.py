"""What every layer promises, whatever its concern."""

import sys
from wsgiref.validate import validator

import pytest

from talks.layers import Settings, stack
from talks.layers.environ import Environ
from talks.layers.guard import Guard
from talks.layers.health import Health
from talks.layers.limits import Limits
from talks.layers.proxy import Proxy
from talks.layers.refusals import Refusals
from talks.layers.request_id import RequestId
from talks.layers.security import SecurityHeaders
from talks.layers.static import Static

from .bare import Server, ask, checked_hello, request

refuse = Refusals({})
LAYERS = {
    "guard": lambda app: Guard(app, refuse),
    "proxy": lambda app: Proxy(app, 1),
    "request id": RequestId,
    "security headers": SecurityHeaders,
    "health": lambda app: Health(app, refuse, bool),
    "environ": lambda app: Environ(app, refuse, True),
    "limits": lambda app: Limits(app, refuse, 1000),
    "static": lambda app: Static(app, refuse),
    "all of them": lambda app: stack(app, Settings(trusted_proxies=1)),
}
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


class Body:
    """Two chunks and a note of what was asked of it."""

    def __init__(self):
        self.asked, self.closed, self.chunks = 0, 0, [b"one", b"two"]

    def __iter__(self):
        return self

    def __next__(self):
        if not self.chunks:
            raise StopIteration
        self.asked += 1
        return self.chunks.pop(0)

    def close(self):
        self.closed += 1


def streaming(body):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    return app


@every_layer
def test_an_answer_passes_unharmed(layer):
    answer = ask(layer(checked_hello))

    assert (answer.status, answer.body) == (200, b"hello")


@every_layer
def test_a_body_is_closed_once(layer):
    body = Body()
    ask(layer(validator(streaming(body))))

    assert body.closed == 1


@every_layer
def test_a_body_is_closed_when_the_reader_goes_away(layer):
    body = Body()
    answer = layer(streaming(body))(request(), Server().start_response)
    next(iter(answer))
    answer.close()

    assert (body.asked, body.closed) == (1, 1)


@every_layer
def test_a_stream_is_not_collected(layer):
    body = Body()
    answer = layer(streaming(body))(request(), Server().start_response)

    assert body.asked == 0
    assert next(iter(answer)) == b"one"
    assert body.asked == 1


@every_layer
def test_exc_info_is_passed_on(layer):
    server = Server()

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise KeyError("changed my mind")
        except KeyError:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"sorry"]

    assert server.run(layer(validator(app)), request()).status == 503


@every_layer
def test_what_start_response_returned_is_passed_on(layer):
    server = Server()
    written = []
    server.write = written.append

    def app(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"by hand")
        return []

    server.run(layer(validator(app)), request())

    assert written == [b"by hand"]


@every_layer
def test_the_answer_to_head_has_no_body(layer):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"hello"]

    answer = ask(layer(validator(app)), REQUEST_METHOD="HEAD")

    assert (answer.body, answer.headers["Content-Length"]) == (b"", "5")


@every_layer
def test_an_operators_address_that_no_layer_knows_reaches_the_application(layer):
    assert ask(layer(checked_hello), "/-/unknown").body == b"hello"


@every_layer
def test_the_state_of_a_request_is_not_kept_on_the_layer(layer):
    app = layer(checked_hello)
    before = repr(vars(app)) if hasattr(app, "__dict__") else None
    ask(app)

    assert (repr(vars(app)) if hasattr(app, "__dict__") else None) == before
