"""Serve the built static files (PEP 3333 middleware over WhiteNoise)."""

import re

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header
from whitenoise import WhiteNoise

HASHED = re.compile(r"\.([0-9a-f]{10})\.[A-Za-z0-9]+\Z")
ENCODINGS = ("br", "gzip")


class Static(WhiteNoise):
    """Answer for the files of `root` under ``/static/``, if their name holds the hash of their content.

    What is under such a name never changes, so it may be kept for a year. `root_files` maps the few
    addresses that have to be fixed to files: ``{"/robots.txt": Path(...)}``; those are kept for an hour.
    The folder is read once, at the start: a request costs one look into a dictionary, and what is not in
    there goes on to the application.
    """

    FOREVER = 365 * 24 * 60 * 60

    def __init__(self, app, refuse, root=None, root_files=None):
        super().__init__(
            app,
            max_age=60 * 60,
            allow_all_origins=False,
            add_headers_function=add_etag,
            immutable_file_test=lambda path, url: bool(hash_of(url)),
        )
        self.refuse = refuse
        if root:
            self.add_files(root, prefix="static")
        for url, path in (root_files or {}).items():
            self.files[url] = self.get_static_file(str(path), url)

    def add_file_to_dictionary(self, url, path, stat_cache=None):
        """Called by WhiteNoise for each file it finds: unfinished and foreign ones are left out."""
        if hash_of(url):
            super().add_file_to_dictionary(url, path, stat_cache=stat_cache)

    def __call__(self, environ, start_response):
        file = self.files.get(environ.get("PATH_INFO", ""))
        if file is None:
            return self.application(environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self.refuse.method_not_allowed(environ, start_response, "GET", "HEAD")
        try:
            return self.serve(file, without_refused_encodings(environ), start_response)
        except FileNotFoundError:  # another release cleaned up
            return self.application(environ, start_response)

    @staticmethod
    def serve(static_file, environ, start_response):
        """As WhiteNoise does, and say what the empty body of a 416 is."""

        def start(status, headers, exc_info=None):
            if status.startswith("416"):
                headers = [*headers, ("Content-Type", "text/plain"), ("Content-Length", "0")]
            return start_response(status, headers, exc_info)

        return WhiteNoise.serve(static_file, environ, start)


def hash_of(url):
    """The hash in a file's name, or None: "/static/site.0123456789.css" -> "0123456789"."""
    match = HASHED.search(url)
    return match[1] if match else None


def add_etag(headers, path, url):
    """A tag of the content, alike on every machine. Weak, since the packed forms share it."""
    if hash_of(path):
        headers["ETag"] = f'W/"{hash_of(path)}"'


def without_refused_encodings(environ):
    """`environ`, or a copy without the encodings the client weighs zero: WhiteNoise ignores `q`."""
    accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
    if ";" not in accepted:
        return environ
    quality = parse_accept_header(accepted, Accept).quality
    return {**environ, "HTTP_ACCEPT_ENCODING": ", ".join(name for name in ENCODINGS if quality(name) > 0)}
