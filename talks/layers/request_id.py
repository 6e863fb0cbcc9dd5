"""Give every request an id (PEP 3333 middleware)."""

import re
import uuid

SAFE = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestId:
    """Set ``environ["talks.request_id"]`` and answer with ``X-Request-Id``.

    An id that the client or a proxy sent is kept when it is 8 to 64 safe characters, so that one request
    can be followed through several logs; anything else is replaced.
    """

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = sent if SAFE.fullmatch(sent) else uuid.uuid4().hex
        environ["talks.request_id"] = request_id

        def start(status, headers, exc_info=None):
            kept = [header for header in headers if header[0].lower() != "x-request-id"]
            return start_response(status, [*kept, ("X-Request-Id", request_id)], exc_info)

        return self.app(environ, start)
