"""Turn a fault into a log record and an error page (PEP 3333 middleware)."""

import logging
import sys

logger = logging.getLogger("talks")


class Guard:
    """Answer 500 when anything further in raises, before or while it streams its body.

    The record goes to the logger "talks" with the attributes `request_id` and `method`. Once the headers
    have left, nobody can take them back: then the exception goes on to the server, which cuts the
    connection, so that nobody takes half an answer for a whole one.
    `headers` are added to the answer: no other layer will see it.
    """

    def __init__(self, app, refuse, headers=()):
        self.app = app
        self.refuse = refuse
        self.headers = list(headers)

    def __call__(self, environ, start_response):
        try:
            body = self.app(environ, start_response)
        except Exception:
            return self.answer(environ, start_response)
        # A list has nothing left to fail, and a server sends its own file wrapper faster than we could.
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(body, (list, tuple)) or (isinstance(wrapper, type) and isinstance(body, wrapper)):
            return body
        return GuardedBody(body, lambda: self.answer(environ, start_response))

    def answer(self, environ, start_response):
        """The body of the error page. Raises the exception being handled when headers were sent."""
        request_id = environ.get("talks.request_id", "unknown")
        method = environ["REQUEST_METHOD"]
        extra = {"request_id": request_id, "method": method}
        logger.exception("A layer failed: %s, request %s", method, request_id, extra=extra)
        headers = [*self.headers, ("X-Request-Id", request_id)]
        message = f"Something failed here. If you tell us about it, name the request {request_id}."
        return self.refuse(environ, start_response, 500, message, headers, sys.exc_info())


class GuardedBody:
    """The iterable of an answer that asks `rescue` for another when it raises. Passes `close` on."""

    def __init__(self, body, rescue):
        self.body = body
        self.rescue = rescue
        self.chunks = None

    def __iter__(self):
        return self

    def __next__(self):
        try:
            if self.chunks is None:
                self.chunks = iter(self.body)
            return next(self.chunks)
        except StopIteration:
            raise
        except Exception:
            self.chunks = iter(self.rescue())
            return next(self.chunks)

    def close(self):
        if hasattr(self.body, "close"):
            self.body.close()
