"""Spam: what is refused with a word, what waits, how much is too much, and that all of it is counted."""

from datetime import timedelta

import pytest
from asked import EVE, a_comment, an_open_talk, asked, form_under, send, sent_back, whole
from conftest import only_sqlite, person

from models import BlockedWord, Comment, Refusal, utcnow
from talks import comments, spam

LONG = "Where can I read more about what you said of the second map in your talk?"
FOUR_LINKS = " ".join(f"https://example.org/{number}" for number in range(4))


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


@pytest.fixture
def trusted(bob):
    bob.is_trusted = True
    bob.save()
    return bob


def refused(talk, *args, **values):
    with pytest.raises(spam.Refused) as raised:
        asked(talk, *args, **values)
    return raised.value


# What is refused


def test_a_field_that_people_do_not_see_catches_programs(talk):
    refusal = refused(talk, homepage="https://spam.example/")

    assert (refusal.reason, refusal.field) == ("trap", "homepage")
    assert not Comment.select().exists()


@only_sqlite
def test_who_filled_in_that_field_by_hand_can_empty_it(client, talk):
    answer = send(client, talk, body="How?", homepage="mine", **EVE)

    assert answer.status_code == 422 and "Leave this empty" in answer.text
    assert 'class="trap"' not in answer.text
    assert sent_back(answer)["body"] == "How?"


def test_the_same_text_by_the_same_person_is_refused_with_a_word(talk, bob):
    asked(talk, "Thanks", author=bob, network="one")
    refusal = refused(talk, "Thanks", author=bob, network="other")

    assert (refusal.reason, refusal.field) == ("repeated", "body") and "already" in str(refusal)


def test_a_visitor_is_known_by_the_address_in_any_case(talk):
    asked(talk, "Thanks", network="one")

    assert refused(talk, "Thanks", network="other", email="EVE@example.org").reason == "repeated"


def test_two_people_may_say_the_same_few_words(talk):
    asked(talk, "Thank you")

    assert asked(talk, "Thank you", email="other@example.org")


def test_a_longer_text_by_somebody_else_is_refused(talk):
    asked(talk, LONG)

    assert refused(talk, LONG, email="other@example.org", network="other").reason == "repeated"


def test_a_longer_text_is_refused_on_another_talk_from_the_same_network(ada, talk):
    asked(talk, LONG)

    assert refused(an_open_talk(ada), LONG, email="other@example.org").reason == "repeated"
    assert asked(an_open_talk(ada), LONG, email="other@example.org", network="other")


def test_what_was_taken_back_may_be_sent_again(talk):
    comments.withdraw(asked(talk, "Thanks"))

    assert asked(talk, "Thanks")


@pytest.mark.parametrize("author", ["visitor", "member"])
def test_a_person_writes_so_much_in_ten_minutes(talk, bob, author):
    author = bob if author == "member" else None
    for number in range(spam.PER_PERSON):
        asked(talk, f"Question {number}", author=author, network=str(number))

    assert refused(talk, "One more", author=author, network="x").reason == "too-many"

    Comment.update(created_at=utcnow() - spam.WINDOW).execute()
    assert asked(talk, "One more", author=author, network="x")


def test_a_person_writes_so_much_in_a_day(talk):
    for _ in range(spam.PER_PERSON_A_DAY):
        a_comment(talk, created_at=utcnow() - timedelta(hours=20), **{"author_email": "eve@example.org"})

    assert refused(talk).reason == "too-many"


def test_a_network_writes_so_much_in_ten_minutes(talk):
    for number in range(spam.PER_NETWORK):
        a_comment(talk, network="here", author_email=f"{number}@example.org")

    assert refused(talk).reason == "too-many"
    assert asked(talk, network="elsewhere")


@only_sqlite
def test_too_many_is_429_and_the_text_is_kept(client, talk):
    for number in range(spam.PER_PERSON):
        a_comment(talk, body=str(number))

    answer = send(client, talk, body="One more", **EVE)

    assert answer.status_code == 429 and "wait ten minutes" in answer.text
    assert sent_back(answer)["body"] == "One more"


def test_who_decides_about_the_comments_has_no_limit(talk, ada):
    for number in range(spam.PER_PERSON + 2):
        asked(talk, f"{FOUR_LINKS} {number}", author=ada)

    assert Comment.select().where(Comment.status == "approved").count() == spam.PER_PERSON + 2


# What waits, though everything else is shown at once


def test_links_over_a_number_wait(talk, trusted):
    assert asked(talk, FOUR_LINKS, author=trusted).status == "pending"
    assert asked(talk, FOUR_LINKS.rpartition(" ")[0], author=trusted).status == "approved"


@only_sqlite
@pytest.mark.parametrize(
    "body", ["Buy CASINO chips", "see https://www.casino.example/x", "ｃａｓｉｎｏ", "ca\u200bsino"]
)
def test_a_blocked_word_waits(talk, trusted, body):
    BlockedWord.create(word="casino")

    assert asked(talk, body, author=trusted).status == "pending"


@only_sqlite
def test_a_blocked_word_within_another_does_not_wait(talk):
    BlockedWord.create(word="ass")

    assert asked(talk, "What do you pass to the class?").status == "approved"


@pytest.mark.parametrize("values", [{"name": "Casino King"}, {"email": "a@casino.example"}])
def test_a_blocked_word_in_name_or_address_waits(talk, values):
    BlockedWord.create(word="casino")

    assert asked(talk, **values).status == "pending"


@only_sqlite
@pytest.mark.parametrize("word", ["", "  ", "*", "(", "a|b", ".*", "\\", "[a"])
def test_an_odd_word_blocks_nothing_else(talk, word):
    BlockedWord.create(word=word)

    assert asked(talk, "Plain words").status == "approved"


# Everything refused is counted


def test_a_refusal_is_a_row(talk):
    refused(talk, "Some\n\nwords " + "x" * 300, homepage="x")

    row = Refusal.get()
    assert (row.talk, row.reason, row.network, row.times) == (talk, "trap", "here", 1)
    assert row.excerpt.startswith("Some words") and len(row.excerpt) == 200


def test_a_refusal_leaves_nothing_else_behind(talk):
    refused(talk, homepage="x")

    assert whole(talk).last_number == 0 and whole(talk).comment_count == 0


def test_many_refusals_of_one_network_share_a_row(talk):
    for _ in range(spam.ROWS_AN_HOUR + 5):
        refused(talk, homepage="x")
    refused(talk, homepage="x", network="other")

    rows = list(Refusal.select().where(Refusal.network == "here").order_by(Refusal.id))
    assert len(rows) == spam.ROWS_AN_HOUR
    assert sum(row.times for row in rows) == spam.ROWS_AN_HOUR + 5


@only_sqlite
def test_what_a_person_forgot_is_no_spam(client, talk):
    send(client, talk, body="", **EVE)

    assert not Refusal.select().exists()


def test_the_network_is_kept_as_a_digest(client, talk):
    send(client, talk, body="How?", **EVE)

    assert len(Comment.get().network) == 64 and "127.0.0.1" not in Comment.get().network


def test_an_edit_is_judged_too(talk):
    comment = asked(talk)
    assert comment.status == "approved"

    assert comments.edit(comment, FOUR_LINKS).status == "pending"


def test_a_speaker_is_a_member_under_another_talk(talk):
    assert asked(talk, FOUR_LINKS, author=person("eve", is_speaker=True)).status == "pending"


@only_sqlite
def test_the_form_has_the_field_that_people_do_not_see(client, talk):
    assert form_under(client, talk)["homepage"] == ""
