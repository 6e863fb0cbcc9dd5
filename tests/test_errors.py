"""What the operator is mailed of an error: where it happened, never what was typed, and once an hour."""

import email
import email.policy
import logging
import threading
from multiprocessing import get_context

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logged import CONFIG, Clock, a_logger, fail, mailing_from, mails, written

from talks import errors
from talks.errors import HOUR, ErrorMail, Hourly


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def logger():
    with a_logger() as made:
        yield made


@pytest.fixture
def mailing(logger, tmp_path, clock):
    return mailing_from(logger, tmp_path, clock)


# What a mail says


def test_an_error_is_mailed(logger, mailing, tmp_path):
    handler = mailing(MAIL_SUBJECT_PREFIX="[talks] ")
    fail(logger, route="/talk/<int:talk_id>", method="POST", request_id="abcdefgh")

    (mail,) = written(handler, tmp_path)
    assert mail["Subject"] == "[talks] ValueError in /talk/<int:talk_id>"
    assert (mail["To"], mail["From"]) == ("ops@example.org", "Talks <talks@example.org>")
    text = mail.get_content()
    assert "Request: abcdefgh\nMethod: POST\nRoute: /talk/<int:talk_id>\n" in text
    assert "Traceback (most recent call last)" in text
    assert "ValueError: it failed" in text


def test_the_arguments_of_a_record_are_not_mailed(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger)
    logger.error("Nobody took %s", "a secret")

    first, second = written(handler, tmp_path)
    assert "a secret" not in first.get_content()
    assert "Nobody took %s" in second.get_content()


def test_other_attributes_of_a_record_are_not_mailed(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger, cookie="a=secret", path="/unsubscribe/secret")

    assert "secret" not in written(handler, tmp_path)[0].get_content().replace('"a secret"', "")


def test_local_variables_are_not_mailed(logger, mailing, tmp_path):
    handler = mailing()
    password = "hunter" + "2"
    try:
        raise ValueError(len(password))
    except ValueError:
        logger.exception("no")

    assert password not in written(handler, tmp_path)[0].as_string()


def test_a_warning_is_not_mailed(logger, mailing, tmp_path):
    handler = mailing()
    logger.warning("almost")

    assert written(handler, tmp_path) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(), st.text())
def test_no_text_can_add_a_header(mailing, route, said):
    handler = mailing(MAIL_SUBJECT_PREFIX="[talks] ")
    record = logging.makeLogRecord({"msg": said, "route": f"{route}\r\nBcc: a@b.c", "levelname": "ERROR"})
    message = handler.message(errors.title_of(record), errors.report_of(record), 0)

    parsed = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    assert "Bcc" not in parsed
    assert sorted(parsed.keys()) == sorted(message.keys())


def test_a_huge_exception_is_cut_in_the_middle(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger, ValueError("x" * 1_000_000 + "the end"))

    text = written(handler, tmp_path)[0].get_content()
    assert len(text) < 70_000
    assert "the end" in text


def test_halves_of_characters_are_no_trouble(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger, ValueError("\ud800\x00\x1b[31m"))

    assert "ValueError: \\ud800" in written(handler, tmp_path)[0].get_content()


@pytest.mark.parametrize("value", ["nobody", "a@b.c\r\nBcc: d@e.f"])
@pytest.mark.parametrize("name", ["MAIL_ERROR_RECIPIENT", "MAIL_SENDER"])
def test_a_bad_address_stops_the_start_with_a_sentence(mailing, name, value):
    with pytest.raises(ValueError, match=f"{name} is .*it has to be like"):
        mailing(**{name: value})


# One an hour for each kind


def test_the_second_of_a_kind_is_held_back(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger)
    fail(logger, ValueError("another text, the same place"))

    assert len(written(handler, tmp_path)) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda logger: fail(logger, KeyError("x")), id="type"),
        pytest.param(lambda logger: logger.error("said"), id="place"),
    ],
)
def test_another_is_another_kind(logger, mailing, tmp_path, other):
    handler = mailing()
    fail(logger)
    other(logger)

    assert len(written(handler, tmp_path)) == 2


def test_after_an_hour_the_next_is_mailed_and_says_how_many_were_held_back(logger, mailing, tmp_path, clock):
    handler = mailing()
    for _ in range(4):
        fail(logger)
    handler.flush(timeout_seconds=30)
    clock.now += HOUR
    fail(logger)

    _, second = written(handler, tmp_path)
    assert "Since the last mail about this it happened 3 more times." in second.get_content()


def test_within_the_hour_it_is_not(logger, mailing, tmp_path, clock):
    handler = mailing()
    fail(logger)
    handler.flush(timeout_seconds=30)
    clock.now += HOUR - 1
    fail(logger)

    assert len(written(handler, tmp_path)) == 1


def test_what_is_held_back_does_not_lengthen_the_hour(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    assert hourly.claim("a") == 0
    clock.now += HOUR - 1
    assert hourly.claim("a") is None
    clock.now += 1

    assert hourly.claim("a") == 1


def test_a_kind_keeps_one_file(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    for _ in range(5):
        hourly.claim("a")
        clock.now += HOUR

    assert len(list(tmp_path.iterdir())) == 1


def test_a_clock_that_was_set_back_does_not_silence_it_for_ever(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    hourly.claim("a")
    clock.now -= 1000 * HOUR

    assert hourly.claim("a") == 0


def log_an_error(folder):
    logger = logging.Logger("talks")
    handler = ErrorMail(CONFIG, folder)
    logger.addHandler(handler)
    fail(logger)
    handler.flush(timeout_seconds=30)


@pytest.mark.slow
def test_of_several_workers_one_mails(tmp_path):
    with get_context("spawn").Pool(4) as pool:
        pool.map(log_an_error, [tmp_path] * 16)

    assert len(mails(tmp_path)) == 1


def test_threads_that_claim_at_once_are_let_through_once(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    hourly.claim("a")
    clock.now += 2 * HOUR
    barrier, claimed = threading.Barrier(8), []

    def claim():
        barrier.wait()
        claimed.append(hourly.claim("a"))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [result for result in claimed if result is not None] == [0]


def test_none_that_threads_hold_back_at_once_is_forgotten(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    hourly.claim("a")
    threads = [threading.Thread(target=hourly.claim, args="a") for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now += HOUR

    assert hourly.claim("a") == 20
