"""The demo: a sample, three people, and a second start that keeps what was written."""

import pytest

from models import Talk, User
from talks import accounts, demo, passwords


@pytest.fixture
def lines(database, tmp_path):
    return demo.load(tmp_path)


def sign_ins(lines):
    return {email: password for _, email, password in map(str.split, lines)}


def test_three_people_can_sign_in(lines):
    found = sign_ins(lines)

    assert len(found) == 3
    for email, password in found.items():
        assert passwords.verify(User.by_email(email).password_hash, password)


def test_the_passwords_are_for_the_owner_of_the_machine_alone(lines, tmp_path):
    assert (tmp_path / "demo-sign-ins.json").stat().st_mode & 0o777 == 0o600


def test_the_speaker_has_a_talk_and_a_draft(lines):
    speaker = User.by_email("speaker@demo.example")

    assert [Talk.written_by(speaker, status).count() for status in ("published", "draft")] == [1, 1]


def test_a_second_start_says_the_same_and_keeps_what_was_written(lines, tmp_path):
    talk = Talk.get(Talk.imported_key.is_null(False))
    Talk.update(title="Another title").where(Talk.id == talk.id).execute()
    before = Talk.select().count()

    assert demo.load(tmp_path) == lines
    assert Talk.get_by_id(talk.id).title == "Another title"
    assert Talk.select().count() == before


def test_a_site_of_ones_own_is_left_alone(database, tmp_path, bob):
    with pytest.raises(demo.NotTheDemo):
        demo.load(tmp_path)

    assert not Talk.select().exists()
    assert User.select().count() == 1


def test_without_its_file_there_are_new_passwords_for_the_same_people(lines, tmp_path):
    (tmp_path / "demo-sign-ins.json").write_text("{broken")

    again = sign_ins(demo.load(tmp_path))

    assert again.keys() == sign_ins(lines).keys()
    assert again != sign_ins(lines)
    password = again["member@demo.example"]
    assert accounts.authenticate("member@demo.example", password, "127.0.0.1", "secret")
