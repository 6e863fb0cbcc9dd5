import threading

import pytest

from talks.layers.health import GIVEN_UP_AFTER_SECONDS, MOST_CHECKS_AT_ONCE, Health, SharedCheck
from talks.layers.refusals import Refusals

from .bare import ask, checked_hello


def health(ready=lambda: None, deadline_seconds=1.0):
    return Health(checked_hello, Refusals({503: b"<h1>Not yet</h1>"}), ready, deadline_seconds)


@pytest.fixture
def hanging():
    """A check that hangs until the test ends, and counts how often it was called."""

    class Hanging:
        def __init__(self):
            self.calls, self.end = 0, threading.Event()

        def __call__(self):
            self.calls += 1
            self.end.wait()

    check = Hanging()
    yield check
    check.end.set()


def fails():
    raise ConnectionRefusedError("no database")


@pytest.mark.parametrize("path", ["/-/live", "/-/ready"])
def test_it_answers_ok(path):
    answer = ask(health(), path)

    assert (answer.status, answer.body) == (200, b"ok\n")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/-/live", "/-/ready"])
def test_head_has_no_body(path):
    answer = ask(health(), path, REQUEST_METHOD="HEAD")

    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "3")


@pytest.mark.parametrize("path", ["/-/live", "/-/ready"])
def test_another_method_is_refused(path):
    answer = ask(health(), path, REQUEST_METHOD="POST")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/-/lively", "/-/live/", "/x/-/live", ""])
def test_other_addresses_reach_the_application(path):
    assert ask(health(), path).body == b"hello"


@pytest.mark.parametrize(
    "ready",
    [
        pytest.param(fails, id="a check that raises"),
        pytest.param(lambda: False, id="a check that says False"),
    ],
)
def test_it_is_not_ready_after(ready, caplog):
    answer = ask(health(ready), "/-/ready")

    assert (answer.status, answer.body) == (503, b"<h1>Not yet</h1>")
    assert answer.headers["Retry-After"] == "5"


def test_it_lives_without_a_database():
    assert ask(health(fails), "/-/live").status == 200


def test_a_failed_check_is_made_again(caplog):
    results = [False, True]
    app = health(lambda: results.pop(0))

    assert [ask(app, "/-/ready").status, ask(app, "/-/ready").status] == [503, 200]


def test_the_reason_is_logged(caplog):
    ask(health(fails), "/-/ready")

    assert "Not ready: ConnectionRefusedError: no database" in caplog.text


def test_a_check_that_hangs_is_not_waited_for(hanging):
    assert ask(health(hanging, deadline_seconds=0.01), "/-/ready").status == 503


def test_a_hundred_requests_share_one_check_that_hangs(hanging):
    app = health(hanging, deadline_seconds=0.01)

    assert {ask(app, "/-/ready").status for _ in range(100)} == {503}
    assert hanging.calls == 1


def test_requests_at_the_same_time_share_one_check(hanging):
    check = SharedCheck(hanging, 60)
    passed = []
    askers = [threading.Thread(target=lambda: passed.append(check.passes())) for _ in range(10)]
    for asker in askers:
        asker.start()
    hanging.end.set()
    for asker in askers:
        asker.join()

    assert passed == [True] * 10


def test_a_check_that_hangs_for_long_is_joined_by_another_but_never_by_many(hanging):
    now = [0]
    check = SharedCheck(hanging, 0, clock=lambda: now[0])
    for _ in range(10):
        check.passes()
        now[0] += GIVEN_UP_AFTER_SECONDS + 1

    assert len(check.running) == MOST_CHECKS_AT_ONCE == hanging.calls


def test_it_is_ready_again_when_a_later_check_succeeds_though_an_earlier_one_hangs(hanging):
    now = [0]
    checks = [hanging, lambda: True]
    check = SharedCheck(lambda: checks.pop(0)(), 5, clock=lambda: now[0])
    check.deadline_seconds = 0
    assert not check.passes()
    check.deadline_seconds = 5
    now[0] += GIVEN_UP_AFTER_SECONDS + 1

    assert check.passes()
