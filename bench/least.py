"""The least that a server does to keep a comment: read a form, insert a row, answer.

Posting is held against it. It stands alone: `bench.posting` copies it to where gunicorn serves it.
"""

import os
import sqlite3
import threading
from urllib.parse import parse_qs

PATH = os.environ["LEAST_PATH"]
PAGE = b'<form class="ask-form"><input name="stamp" value="none"></form>'
own, turn = threading.local(), threading.Lock()


def connection():
    """This thread's, as durable as that of the site."""
    if not hasattr(own, "connection"):
        own.connection = sqlite3.connect(PATH, isolation_level=None)
        for pragma in ("journal_mode = wal", "synchronous = full"):
            own.connection.execute(f"PRAGMA {pragma}")
        own.connection.execute("CREATE TABLE IF NOT EXISTS comment (id INTEGER PRIMARY KEY, body TEXT)")
    return own.connection


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "GET":
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(PAGE)))])
        return [PAGE]
    form = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
    with turn:
        cursor = connection().execute("INSERT INTO comment (body) VALUES (?)", form["body"])
    place = f"/comment/{cursor.lastrowid}?key=none"
    start_response("303 See Other", [("Location", place), ("Content-Length", "0")])
    return []
