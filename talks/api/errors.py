"""The one shape of an error: {"status", "error", "message"}, and "fields" where some are wrong."""

from flask import jsonify
from werkzeug.http import HTTP_STATUS_CODES


class ApiError(Exception):
    """Ends the request with this answer. `fields` is {name: [messages]}."""

    def __init__(self, status, message, fields=None, headers=()):
        super().__init__(message)
        self.status = status
        self.fields = fields
        self.headers = dict(headers)


def answer(error):
    name = HTTP_STATUS_CODES[error.status].lower()
    body = {"status": name, "error": name, "message": str(error)}
    if error.fields:
        body["fields"] = error.fields
    response = jsonify(body)
    response.status_code = error.status
    response.headers.extend(error.headers)
    return response
