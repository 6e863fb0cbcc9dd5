"""A client of the API, for tests: no cookies, a token, JSON."""

from base64 import b64encode

from conftest import PASSWORD

import main
from talks import accounts

BOTH = ("/api/1.0", "/api/v1.0")


def basic(name, password=PASSWORD):
    return {"Authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}


def token_of(user):
    return accounts.api_token(main.app.secret_key, user)


def bearer(user):
    return {"Authorization": f"Bearer {token_of(user)}"}


def call(method, path, user=None, headers=None, base=BOTH[0], **more):
    """Ask the API as `user`; a browser of its own, which has no cookie and may not get one."""
    client = main.app.test_client(use_cookies=False)
    headers = (bearer(user) if user else {}) | (headers or {})
    answer = client.open(base + path, method=method, headers=headers, **more)
    assert "Set-Cookie" not in answer.headers
    assert answer.status_code == 308 or answer.content_type == "application/json" or not answer.data, (
        answer.data
    )
    return answer


def is_error(answer, status, name):
    """Whether it is an error of the one shape."""
    body = answer.get_json()
    assert answer.status_code == status, answer.text
    assert body.keys() - {"fields"} == {"status", "error", "message"}
    assert body["status"] == body["error"] == name
    assert body["message"].endswith(".")
    return True
