import pytest

from talks.layers import Settings, stack
from talks.layers.assets import Assets

from .bare import ask, ask_unchecked, checked_hello


def built(app=checked_hello, **settings):
    return stack(app, Settings(**settings))


def layers_of(app):
    names = []
    while app is not checked_hello:
        names.append(type(app).__name__)
        app = getattr(app, "app", None) or app.application
    return names


def test_the_order_of_the_layers():
    assert layers_of(built(trusted_proxies=1)) == [
        "Guard",
        "Proxy",
        "RequestId",
        "SecurityHeaders",
        "Health",
        "Environ",
        "Limits",
        "Static",
    ]


def test_without_a_proxy_nothing_forwarded_is_read():
    assert "Proxy" not in layers_of(built())


def test_it_is_ready_by_default():
    assert ask(built(), "/-/ready").status == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param({"HTTP_HOST": "a b"}, 400, id="a bad host"),
        pytest.param({"CONTENT_LENGTH": "99999999999"}, 413, id="too large a body"),
        pytest.param({"path": "/-/environ"}, 404, id="a hidden address"),
        pytest.param({"path": "/-/live", "method": "POST"}, 405, id="a wrong method"),
        pytest.param({"path": "/-/ready"}, 503, id="a database that does not answer"),
    ],
)
def test_a_refusal_has_a_request_id_and_the_security_headers(request_, status):
    answer = ask_unchecked(built(ready=lambda: False), **request_)

    assert answer.status == status
    assert answer.headers["X-Request-Id"]
    assert answer.headers["Content-Security-Policy"]


def test_a_fault_has_them_too(caplog):
    def failing(environ, start_response):
        raise RuntimeError

    answer = ask(built(failing, pages={500: b"<p>{{request-id}}</p>"}))

    assert answer.status == 500
    assert answer.text == f"<p>{answer.headers['X-Request-Id']}</p>"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/-/live", "/-/ready"])
def test_a_supervisor_need_not_know_the_name_of_the_site(path):
    assert ask(built(site_url="https://talks.example.org"), path, HTTP_HOST="10.0.0.5:8000").status == 200


def test_a_file_needs_no_application(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.css").write_text("a {}")
    assets = Assets(tmp_path / "source", tmp_path / "target")
    app = built(None, static_root=assets.target, root_files=assets.root_files())

    answer = ask(app, assets.url("a.css"))

    assert (answer.body, answer.headers["X-Content-Type-Options"]) == (b"a {}", "nosniff")
