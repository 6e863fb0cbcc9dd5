"""The demo: a sample, three people, comments in every state; and a second start keeps what was written."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from conftest import only_sqlite
from peewee import fn
from written import rows

import main
from models import Comment, MailAddress, OutboxMail, Refusal, Talk, User, utcnow
from talks import accounts, comments, demo, demo_comments, moderation, passwords
from talks.mailing import outbox

pytestmark = pytest.mark.slow
SAMPLE = json.loads(demo_comments.FILE.read_text(encoding="utf-8"))
STATES = {"approved", "pending", "rejected", "spam", "deleted"}


def entries():
    """Every comment of the file."""
    for discussion in SAMPLE["discussions"]:
        for comment in discussion["comments"]:
            yield comment
            yield from comment.get("answers", ())


def the(role):
    return User.by_email(role + demo.DOMAIN)


def sign_ins(lines):
    return {email: password for _, email, password in map(str.split, lines)}


def talk_titled(beginning):
    return Talk.get(Talk.title.startswith(beginning))


def statuses():
    counted = Comment.select(Comment.status, fn.COUNT(Comment.id)).group_by(Comment.status)
    return dict(counted.tuples())


def test_three_people_can_sign_in(demo_lines):
    found = sign_ins(demo_lines)

    assert len(found) == 3
    for email, password in found.items():
        assert passwords.verify(User.by_email(email).password_hash, password)


def test_the_passwords_are_for_the_owner_of_the_machine_alone(first_start):
    assert (first_start[0] / "demo-sign-ins.json").stat().st_mode & 0o777 == 0o600


def test_the_speaker_has_talks_and_a_draft(demo_lines):
    assert [Talk.written_by(the("speaker"), status).count() for status in ("published", "draft")] == [3, 1]


def test_a_site_of_ones_own_is_left_alone(database, tmp_path, bob):
    with pytest.raises(demo.NotTheDemo):
        demo.load(tmp_path)

    assert not Talk.select().exists()
    assert User.select().count() == 1


def test_without_its_file_there_are_new_passwords_for_the_same_people(demo_lines, tmp_path):
    (tmp_path / "demo-sign-ins.json").write_text("{broken")

    again = sign_ins(demo.load(tmp_path))

    assert again.keys() == sign_ins(demo_lines).keys()
    assert again != sign_ins(demo_lines)
    password = again["member@demo.example"]
    assert accounts.authenticate("member@demo.example", password, "127.0.0.1", "secret")


# A second start


def test_a_second_start_says_the_same_and_changes_nothing(demo_lines, tmp_path):
    before = rows()

    assert demo.load(tmp_path) == demo_lines
    assert rows() == before


def test_a_second_start_keeps_what_was_written_and_decided(demo_lines, tmp_path):
    talk = Talk.get(Talk.imported_key.is_null(False))
    Talk.update(title="Another title").where(Talk.id == talk.id).execute()
    waiting = Comment.get(Comment.status == "pending")
    assert moderation.reject(waiting, the("administrator"))
    talk_titled("Try me").delete_instance(recursive=True)
    before = rows()

    demo.load(tmp_path)

    assert rows() == before


@only_sqlite
def test_a_load_that_is_killed_leaves_no_half_and_begins_again(database, tmp_path, monkeypatch):
    def killed(loader):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(demo_comments.Loader, "refuse", killed)
        demo.load(tmp_path)

    assert not Comment.select().exists()
    assert not User.select().where(User.email.is_null(False)).exists()
    demo.load(tmp_path)
    assert Comment.select().count() == len(list(entries()))


# What is said


def test_all_states_are_there_as_the_file_says(demo_lines):
    expected = Counter(entry.get("status", "approved") for entry in entries())

    assert statuses() == expected
    assert expected.keys() == STATES
    assert 140 <= expected.total() <= 180


def test_some_comments_are_reported_answered_and_edited(demo_lines):
    for some in (Comment.reported_at, Comment.parent, Comment.edited_at):
        assert Comment.select().where(some.is_null(False), Comment.status == "approved").count() >= 2


def test_counters_agree_with_what_is_shown(demo_lines):
    shown = Comment.select(Comment.talk, fn.COUNT(Comment.id)).where(Comment.status == "approved")
    counted = dict(shown.group_by(Comment.talk).tuples())

    assert {talk.id: talk.comment_count for talk in Talk.select().where(Talk.comment_count > 0)} == counted
    assert len(counted) >= 18


def test_every_comment_is_rendered_as_one_written_now(demo_lines):
    for comment in Comment.select():
        assert comment.body_html == comments.rendered(comment.body)


def test_html_that_somebody_tried_is_harmless(demo_lines):
    tried = Comment.get(Comment.body.contains("<script>"))

    assert "<script" not in tried.body_html
    assert tried.status == "approved"


def test_comments_are_as_old_as_they_say_and_none_is_from_tomorrow(demo_lines):
    by_talk = {}
    for comment in Comment.select().order_by(Comment.id):
        by_talk.setdefault(comment.talk_id, []).append(comment)

    for comment in Comment.select():
        times = comment.created_at, comment.decided_at, comment.edited_at, comment.reported_at
        assert max(filter(None, times)) < utcnow()
        assert min(filter(None, times)) == comment.created_at
        if comment.parent:
            assert comment.parent.created_at + timedelta(hours=1) < comment.created_at
    for found in by_talk.values():
        assert [comment.number for comment in found] == list(range(1, len(found) + 1))
        assert found == sorted(found, key=lambda comment: comment.created_at)


def test_nobody_real_has_words_put_in_their_mouth(demo_lines):
    authors = {comment.author.email for comment in Comment.select().where(Comment.author.is_null(False))}
    names = {comment.author_name for comment in Comment.select().where(Comment.author.is_null())}

    assert authors == {role + demo.DOMAIN for role in demo.ROLES}
    assert not names & {user.name for user in User.select()}


def test_answers_of_the_speaker_are_marked_as_such(demo_lines):
    page = main.app.test_client().get(f"/talk/{talk_titled('One file').id}").text

    assert page.count(">Speaker</span>") >= 5


def test_questions_under_some_talks_are_closed_or_for_members(demo_lines):
    rules = {talk.discussion_rule for talk in Talk.select().where(Talk.comment_count > 0)}

    assert rules == {"moderated", "open", "members", "closed"}
    assert not talk_titled("A letter is").is_open_for_comments


# What the three people find


def test_the_speaker_has_about_a_dozen_to_decide(demo_lines):
    assert 10 <= moderation.count_waiting(the("speaker")) <= 14


def test_the_administrator_has_twice_that(demo_lines):
    assert 20 <= moderation.count_waiting(the("administrator")) <= 30


def test_the_member_has_comments_that_wait_and_that_are_shown(demo_lines):
    mine = {comment.status for comment in Comment.select().where(Comment.author == the("member"))}

    assert mine == {"pending", "approved"}
    assert the("member").is_trusted


def test_what_was_refused_is_counted(demo_lines):
    assert {refusal.reason for refusal in Refusal.select()} == {"trap", "repeated", "closed"}
    assert max(refusal.times for refusal in Refusal.select()) > 1


# Mail


def test_every_address_is_an_example(demo_lines):
    found = [address for (address,) in MailAddress.select(MailAddress.email).tuples()]
    found += [address for (address,) in OutboxMail.select(OutboxMail.to_email).tuples()]
    asked = Comment.select(Comment.author_email).where(Comment.author_email.is_null(False))
    found += [address for (address,) in asked.tuples()]
    found += [person["email"] for person in SAMPLE["people"].values()]

    assert found
    assert not [address for address in found if not address.endswith(".example")]


def test_a_little_mail_waits_and_one_has_failed(demo_lines):
    unsent = OutboxMail.select().where(OutboxMail.sent_at.is_null())
    failed = [mail for mail in unsent if mail.failed_at]

    assert 8 <= len(unsent) - len(failed) <= 15
    assert [mail.to_email for mail in failed] == [SAMPLE["undeliverable"]]
    assert "example" in failed[0].error


def test_the_first_flush_writes_some_of_it_and_leaves_some(demo_lines, tmp_path):
    with main.app.app_context():
        done = outbox.Flush(tmp_path / "mail").run(collect_seconds=3600)

    assert 5 <= done["sent"] <= 12
    assert done == {"sent": len(list((tmp_path / "mail").iterdir()))}
    waiting = OutboxMail.select().where(OutboxMail.waiting == 1)
    assert {mail.kind for mail in waiting} == {"comment_waits", "comment_shown"}


# The file


def test_the_file_speaks_only_of_talks_of_the_demo():
    own = {values["title"] for _, _, values in demo.TALKS}
    files = demo_comments.FILE.parent.glob("*/videos/*.json")
    imported = {f"{path.parent.parent.name}/{path.stem}" for path in files}
    named = [entry["talk"] for part in ("discussions", "refused") for entry in SAMPLE[part]]

    assert not set(named) - own - imported


def test_the_file_names_everybody_who_writes():
    roles = demo.ROLES.keys()

    assert {entry["by"] for entry in entries()} - roles == SAMPLE["people"].keys()


def test_the_file_is_written_the_one_way():
    written = json.dumps(SAMPLE, ensure_ascii=False, indent=2) + "\n"

    assert demo_comments.FILE.read_text(encoding="utf-8") == written


@pytest.mark.parametrize(
    "words, hours", [("2h", 2), ("1d", 24), ("1d 30m", 24.5), ("2d 3h 15m", 51.25), ("45m", 0.75)]
)
def test_ages_are_read(words, hours):
    assert demo_comments.ago(words) == timedelta(hours=hours)


# Each database


def test_it_is_the_same_on_each_database(database, tmp_path):
    demo.load(tmp_path)
    before = rows()

    assert statuses() == Counter(entry.get("status", "approved") for entry in entries())
    demo.load(tmp_path)
    assert rows() == before
