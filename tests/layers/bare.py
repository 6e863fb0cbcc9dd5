"""Call a WSGI application the way a server does, and watch what it does."""

import io
from dataclasses import dataclass, field
from wsgiref.headers import Headers
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator


@dataclass
class Answer:
    status: int
    headers: Headers
    body: bytes
    chunks: list = field(default_factory=list)

    @property
    def text(self):
        return self.body.decode()


class Server:
    """One request, with the rules of PEP 3333 for `start_response`."""

    def __init__(self):
        self.status, self.headers, self.sent = None, None, False

    def start_response(self, status, headers, exc_info=None):
        if exc_info and self.sent:
            raise exc_info[1]
        assert exc_info or self.status is None, "headers set twice without exc_info"
        self.status, self.headers = status, headers
        return self.write

    def write(self, data):
        self.sent = True

    def run(self, app, environ):
        body = app(environ, self.start_response)
        chunks = []
        try:
            for chunk in body:
                self.sent = self.sent or bool(chunk)
                chunks.append(chunk)
        finally:
            if hasattr(body, "close"):
                body.close()
        return Answer(int(self.status[:3]), Headers(self.headers), b"".join(chunks), chunks)


def request(path="/", method="GET", body=b"", **environ):
    """A WSGI environment. Keywords are its keys; None removes one."""
    made = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        **environ,
    }
    setup_testing_defaults(made)
    return {key: value for key, value in made.items() if value is not None}


def ask(app, *arguments, **environ):
    """What `app` answers, both sides checked against PEP 3333."""
    answer = Server().run(validator(app), request(*arguments, **environ))
    if answer.status in (204, 304) or environ.get("REQUEST_METHOD") == "HEAD" or "HEAD" in arguments:
        assert answer.body == b""
    return answer


def ask_unchecked(app, *arguments, **environ):
    """The same for requests that no correct server lets through."""
    return Server().run(app, request(*arguments, **environ))


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


checked_hello = validator(hello)
