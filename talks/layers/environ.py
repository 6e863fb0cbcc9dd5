"""Show what the server tells the application (PEP 3333 middleware), to find out what a proxy does."""

# Only what says something about server and proxies. Nothing that could be a secret: no cookie, no
# authorization, no query, and nothing of the process environment, which some servers mix in.
SHOWN = (
    "REQUEST_METHOD SCRIPT_NAME PATH_INFO CONTENT_TYPE CONTENT_LENGTH SERVER_NAME SERVER_PORT SERVER_PROTOCOL"
    " SERVER_SOFTWARE REMOTE_ADDR HTTP_HOST HTTP_X_FORWARDED_FOR HTTP_X_FORWARDED_PROTO HTTP_X_FORWARDED_HOST"
    " HTTP_ACCEPT HTTP_ACCEPT_ENCODING HTTP_ACCEPT_LANGUAGE HTTP_USER_AGENT wsgi.version wsgi.url_scheme"
    " wsgi.multithread wsgi.multiprocess wsgi.run_once wsgi.input_terminated talks.request_id"
).split()


class Environ:
    """Answer ``/-/environ`` with an allow-list of the WSGI environment as text, if `shown`; else with 404."""

    def __init__(self, app, refuse, shown):
        self.app = app
        self.refuse = refuse
        self.shown = shown

    def __call__(self, environ, start_response):
        if environ.get("PATH_INFO", "") != "/-/environ":
            return self.app(environ, start_response)
        if not self.shown:
            return self.refuse(environ, start_response, 404, "There is nothing at this address.")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self.refuse.method_not_allowed(environ, start_response, "GET", "HEAD")
        body = as_text(environ)
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        start_response("200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def as_text(environ):
    """One line a key; its value as Python writes it, so that no value can add a line."""
    return "".join(f"{key} = {environ[key]!r}\n" for key in SHOWN if key in environ).encode()
