"""What a request may bring: bounds on forms that hold before anything reads them."""

import io

import flask
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

# The longest talk: 120,000 characters over all fields, of four bytes each, percent-encoded threefold.
MOST_FORM_BYTES = 1_500_000
# Who is not signed in writes a comment of 10,000 such characters, or one too long that is sent back whole.
MOST_VISITOR_FORM_BYTES = 250_000
# A picture of 5 MB, and what stands around it in a form.
MOST_UPLOAD_BYTES = 5_200_000
MOST_FIELDS = 1_000


def too_large(most_bytes):
    """What is said about more than `most_bytes`."""
    return (
        f"That is more than this site takes at once. The limit is {megabytes(most_bytes)}. "
        "Go back, make it shorter, then send it again."
    )


def megabytes(count):
    """5_000_000 as "5 MB"."""
    return f"{count / 1_000_000:.3g} MB"


class FormParser(FormDataParser):
    """werkzeug's, which bounds the number of parts of a multipart form, but not of a urlencoded one."""

    def parse(self, stream, mimetype, content_length, options=None):
        if mimetype == "application/x-www-form-urlencoded":
            data = stream.read()
            if data.count(b"&") >= MOST_FIELDS:
                raise RequestEntityTooLarge(f"That form has more than {MOST_FIELDS:,} fields.")
            stream = io.BytesIO(data)
        return super().parse(stream, mimetype, content_length, options)


class Request(flask.Request):
    form_data_parser_class = FormParser
