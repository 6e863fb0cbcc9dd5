"""How layers say no: error answers without Flask, from pages that were rendered at the start."""

import html
import json

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import HTTP_STATUS_CODES, parse_accept_header

# Where a page says this, the id of the refused request is put in.
REQUEST_ID = "{{request-id}}"
PLAIN_PAGE = '<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><p>{message}</p></html>'


class Refusals:
    """Answers errors. `pages` maps a status to HTML as bytes: a mapping, or a function of the status.

    It is asked at each refusal, so a function should only look up. A status without a page gets a plain
    one. `own_pages` maps (status, path) to the page of an address that says more than the others.
    An instance is a WSGI application with more arguments, which every layer that refuses is given.
    """

    def __init__(self, pages, own_pages=None):
        self.page = pages if callable(pages) else pages.get
        self.own_pages = own_pages or {}

    def __call__(self, environ, start_response, status, message, headers=(), exc_info=None):
        """Answer with `status`; `message` is a sentence for people who read JSON or have no page.

        HTML, or the JSON of our API to a client that accepts JSON and not HTML, and under /api/.
        Whoever answers an exception passes `exc_info`: the server then replaces headers that are not sent
        yet, and raises the exception again when they are.
        """
        under_api = environ.get("PATH_INFO", "").startswith("/api/")
        if under_api or wants_json(environ):
            kind, body = "application/json", self.as_json(status, message)
        else:
            kind, body = "text/html; charset=utf-8", self.as_html(environ, status, message)
        lines = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *headers,
        ]
        if not under_api:
            lines.append(("Vary", "Accept"))
        start_response(f"{status} {HTTP_STATUS_CODES[status]}", lines, exc_info)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def as_html(self, environ, status, message):
        page = self.own_pages.get((status, environ.get("PATH_INFO", ""))) or self.page(status)
        if page is None:
            title = html.escape(HTTP_STATUS_CODES[status])
            page = PLAIN_PAGE.format(title=title, message=html.escape(message)).encode()
        return page.replace(REQUEST_ID.encode(), environ.get("talks.request_id", "unknown").encode())

    def as_json(self, status, message):
        name = HTTP_STATUS_CODES[status].lower()
        return json.dumps({"status": name, "error": name, "message": message}).encode() + b"\n"

    def method_not_allowed(self, environ, start_response, *allowed):
        """Answer 405, naming the methods that are `allowed`."""
        names = ", ".join(allowed)
        message = f"This address answers to {names} only."
        return self(environ, start_response, 405, message, [("Allow", names)])


def wants_json(environ):
    """Does the client accept JSON and not HTML?"""
    accept = environ.get("HTTP_ACCEPT")
    if not accept:
        return False
    accepted = parse_accept_header(accept, MIMEAccept)
    return accepted.quality("application/json") > 0 and not accepted.quality("text/html")
