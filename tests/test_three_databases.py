"""SQLite, PostgreSQL and MariaDB keep, compare, sort and refuse the same."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote, urlsplit

import peewee
import pytest
from conftest import only_sqlite, opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live import free_port

import models
from models import TABLES, Event, LoginAttempt, Tag, Talk, TalkSpeaker, User
from talks import accounts
from talks.database_errors import reason
from talks.databases import Postgresql, Unsuitable, open_database, patiently
from talks.fields import BadValue, CharField, CivilDateField, JSONTextField, TextField

in_one_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
SERVERS = [pytest.param(name, marks=pytest.mark.server) for name in ("postgresql", "mariadb")]
MICROPHONE = "\N{MICROPHONE}"  # four bytes in UTF-8

# What is kept


def filled(field):
    """As much four-byte text as the column holds."""
    if isinstance(field, CivilDateField):
        return None
    if isinstance(field, JSONTextField):
        return {MICROPHONE: MICROPHONE * 30_000}
    return MICROPHONE * (field.max_length or 100_000)


def full_row(model):
    """A row of `model` with all columns of text full, and the rows and values it needs."""
    values = {}
    for field in model._meta.sorted_fields:
        is_needed = not (field.null or field.primary_key or field.constraints)
        if isinstance(field, (CharField, TextField)):
            values[field.name] = filled(field)
        elif isinstance(field, peewee.ForeignKeyField) and not field.null:
            values[field.name] = full_row(field.rel_model)
        elif is_needed and isinstance(field, peewee.DateTimeField):
            values[field.name] = models.utcnow()
        elif is_needed and isinstance(field, peewee.IntegerField):
            values[field.name] = 0
    return model.get(model.id == model.insert(values).execute())


@pytest.mark.parametrize("model", TABLES)
def test_every_column_of_text_keeps_four_byte_characters_to_its_last(database, model):
    row = full_row(model)

    for field in model._meta.sorted_fields:
        if isinstance(field, (CharField, TextField)):
            assert getattr(row, field.name) == filled(field)


@in_one_database
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255))
def test_a_text_comes_back_as_it_went_in_and_is_found(database, text):
    talk = Talk.create(title=text, description=text, extra={text: text})

    found = Talk.get(Talk.title == text, Talk.id == talk.id)
    assert (found.title, found.description, found.extra) == (text, text, {text: text})


EVENINGS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1582, 10, 10, 1, 2, 3, 4, UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(2038, 1, 19, 3, 14, 8, 1, UTC),
    datetime(2021, 3, 28, 2, 30, 0, 500_000, timezone(timedelta(hours=-9, minutes=-30))),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
]


@pytest.mark.parametrize("at", EVENINGS, ids=str)
def test_a_moment_comes_back_to_the_microsecond_and_is_found(database, at):
    Talk.create(title="A", published_at=at)

    assert Talk.get(Talk.published_at == at).published_at == at


@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_the_time_zone_of_a_connection_matters_to_no_moment(database):
    at = datetime(2024, 7, 1, 12, 0, 0, 1, UTC)
    Talk.create(title="A", published_at=at)
    database.execute_sql(
        "SET TIME ZONE 'Asia/Tokyo'" if is_postgresql(database) else "SET time_zone = '+09:00'"
    )
    try:
        assert Talk.get(Talk.published_at == at).published_at == at
        Talk.create(title="B", published_at=at)
    finally:
        database.execute_sql("SET TIME ZONE 'UTC'" if is_postgresql(database) else "SET time_zone = '+00:00'")

    assert Talk.select().where(Talk.published_at == at).count() == 2


def is_postgresql(database):
    return isinstance(database, Postgresql)


def test_an_update_counts_the_rows_it_found(database):
    Talk.create(title="A")

    assert Talk.update(title="A").execute() == 1
    assert Talk.update(title="B").where(Talk.title == "C").execute() == 0


# What is the same, and what comes first


@pytest.mark.parametrize(
    "username, other", [("ada", "ADA"), ("Ada", "aDa"), ("élodie", "ÉLODIE"), ("ωω", "ΩΩ")]
)
def test_usernames_and_addresses_are_the_same_in_any_case(database, username, other):
    user = User.create(username=username, email=f"{username}@Example.ORG")

    assert User.get(User.username == other) == user
    assert User.get(User.username.in_([other])) == user
    assert User.by_email(f"{other}@example.org") == user
    with pytest.raises(peewee.IntegrityError), database.atomic():
        User.create(username=other)
    with pytest.raises(peewee.IntegrityError), database.atomic():
        User.create(username="else", email=f"{other}@EXAMPLE.org")


# Each is another word to us; the rules of some language take some of them for one.
WORDS = [
    "", " ", "!", "-", "2", "10", "A", "B", "Z", "_", "a", "a ", "a b", "a-b", "ab", "b", "ss", "strasse",
    "straße", "z", "e\u0301", "é", "É", "ß", "ı", "ﬁ", "fi", "\uff41", "\ufffd", "\U0001f3a4", "\U0001f600",
]  # fmt: skip


def test_other_texts_are_others(database):
    for word in WORDS:
        Event.create(slug=word, title="E")

    for word in WORDS:
        assert [event.slug for event in Event.select().where(Event.slug == word)] == [word]


def test_text_is_sorted_by_code_point(database):
    Tag.insert_many({"key": word, "name": word, "slug": word} for word in reversed(WORDS)).execute()

    assert [tag.key for tag in Tag.select().order_by(Tag.key)] == sorted(WORDS)
    assert [tag.name for tag in Tag.select().order_by(Tag.name.desc())] == sorted(WORDS, reverse=True)
    for word in WORDS:
        after = Tag.select().where(Tag.key > word)
        assert {tag.key for tag in after} == {other for other in WORDS if other > word}


# What is refused

FIELDS = [field for model in TABLES for field in model._meta.sorted_fields]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.model.__name__}.{field.name}")
def test_no_column_of_text_or_numbers_does_without_the_limits(field):
    if isinstance(field, (peewee.CharField, peewee.TextField, peewee.IntegerField, peewee.DateTimeField)):
        assert type(field).__module__ == "talks.fields"
    else:
        assert isinstance(field, (peewee.BooleanField, peewee.ForeignKeyField))


TOO_EARLY = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
TOO_MUCH = [
    (User, "username", "x" * 65, "User.username holds at most 64 characters, not 65"),
    (User, "email", "é" * 321, "User.email holds at most 320 characters, not 321"),
    (Talk, "title", "\U0001f3a4" * 256, "Talk.title holds at most 255 characters, not 256"),
    (Talk, "date", "2019-05-03T10:00:00Z", "Talk.date holds at most 19 characters, not 20"),
    (Talk, "title", "a\0b", "Talk.title holds text, and there is no NUL in text"),
    (Talk, "description", "\0", "Talk.description holds text, and there is no NUL in text"),
    (User, "username", "\0", "User.username holds text, and there is no NUL in text"),
    (Talk, "title", "\ud83c", "Talk.title holds text, and half a character is none"),
    (Talk, "description", "a\udfff", "Talk.description holds text, and half a character is none"),
    (Talk, "extra", {"a": "\ud800"}, "Talk.extra holds text, and half a character is none"),
    (Talk, "duration_s", 2**31, "Talk.duration_s holds whole numbers from -2147483648 to 2147483647"),
    (Talk, "duration_s", -(2**31) - 1, "Talk.duration_s holds whole numbers from -2147483648 to 2147483647"),
    (Talk, "duration_s", 2**64, "Talk.duration_s holds whole numbers from"),
    (Talk, "id", 2**31, "Talk.id holds whole numbers from"),
    (TalkSpeaker, "position", 2**15, "TalkSpeaker.position holds whole numbers from -32768 to 32767"),
    (Talk, "published_at", datetime(2024, 1, 1), "Talk.published_at needs an aware time"),
    (Talk, "published_at", TOO_EARLY, "Talk.published_at holds the years 1 to 9999 in UTC"),
]  # fmt: skip
IDS = [f"{model.__name__}.{name}-{at}" for at, (model, name, *_) in enumerate(TOO_MUCH)]


def refusal_of(database, act):
    """The sentence by which `act` was refused, and what was asked of the database meanwhile."""
    asked = []
    database.query_hooks.append(asked.append)
    try:
        with pytest.raises(BadValue) as refusal:
            act()
    finally:
        database.query_hooks.remove(asked.append)
    return str(refusal.value), asked


@pytest.mark.parametrize(("model", "name", "value", "sentence"), TOO_MUCH, ids=IDS)
def test_what_a_column_cannot_hold_is_refused_before_the_database_is_asked(
    database, model, name, value, sentence
):
    for act in (
        lambda: model.create(**{name: value}),
        model.insert_many([{name: value}]).execute,
        model.update({name: value}).execute,
    ):
        said, asked = refusal_of(database, act)
        assert sentence in said
        assert not asked


def test_the_least_and_the_most_are_kept(database):
    for number in (-(2**31), 2**31 - 1):
        assert Talk.get_by_id(Talk.create(title="A", duration_s=number).id).duration_s == number


@pytest.mark.parametrize(("model", "name", "value", "sentence"), TOO_MUCH, ids=IDS)
def test_what_a_column_cannot_hold_is_found_nowhere(database, model, name, value, sentence):
    full_row(model)
    field = getattr(model, name)

    for condition in (field == value, field.in_([value, value]), field > value, field < value):
        assert model.select().where(condition).count() == 0


def test_what_can_be_is_found_beside_what_cannot(database):
    Talk.create(title="A")

    assert Talk.select().where(Talk.title.in_(["\0", "A", "x" * 300])).count() == 1


LONG = "x" * 300
NOWHERE = [
    f"/talk/{2**31}", f"/talk/{2**63 - 1}", f"/talk/{2**63}", f"/talk/{'9' * 400}", "/talk/-1",
    f"/tag/{LONG}", "/tag/%00", "/tag/a%00b", "/tag/%F0%9F%98%80", "/tag/%ED%A0%80",
    f"/event/{LONG}", "/event/%00",
    f"/user/{LONG}", "/user/%00", "/user/%F0%9F%98%80", "/user/%ED%A0%80",
    f"/thumbnail/{2**31}.jpg",
]  # fmt: skip


@pytest.mark.parametrize("path", NOWHERE)
def test_an_address_that_nothing_can_have_is_not_found(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.slow
@only_sqlite
@pytest.mark.parametrize("value", [LONG, "\0", "a\0b", "x" * 100_000], ids=["300", "NUL", "a NUL", "100,000"])
@pytest.mark.parametrize(
    "field",
    ["title", "venue", "venue_url", "license", "event", "tags", "speakers", "language", "video", "slides"]
    + ["time_zone", "date", "links"],
)
def test_a_form_says_what_a_talk_cannot_have(as_ada, field, value):
    answer = as_ada.submit("/new", **{"title": "A", "status": "draft", field: value})

    assert answer.status_code == 422
    assert Talk.select().count() == 0


@only_sqlite
@pytest.mark.parametrize("value", [LONG, "\0"], ids=["300", "NUL"])
@pytest.mark.parametrize("field", ["name", "location"])
def test_a_form_says_what_a_profile_cannot_have(as_ada, field, value):
    assert as_ada.submit("/profile", **{"name": "Ada", field: value}).status_code == 422


@pytest.mark.parametrize("email", ["x" * 400 + "@example.org", "a\0@example.org", "\U0001f600@example.org"])
def test_who_cannot_have_an_account_cannot_sign_in(client, email):
    answer = client.submit("/auth/login", email=email, password="x")

    assert answer.status_code == 422


# Several at once


def at_once(number, act):
    """What `number` threads got from `act(index)`, each with a connection of its own."""
    barrier, results = threading.Barrier(number), []

    def run(index):
        with models.database.connection_context():
            barrier.wait()
            results.append(act(index))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == number
    return results


def test_transactions_that_read_and_write_lose_nothing(database):
    talk = Talk.create(title="A", duration_s=0)

    def add_one(index):
        for _ in range(10):
            with models.database.atomic():
                Talk.update(duration_s=Talk.get_by_id(talk.id).duration_s + 1).where(
                    Talk.id == talk.id
                ).execute()

    at_once(8, add_one)

    assert Talk.get().duration_s == 80


def test_attempts_to_sign_in_that_are_made_at_once_are_all_counted(database):
    made = at_once(12, lambda index: LoginAttempt.reserve("ada", "here"))

    assert sum(attempt is not None for attempt, _ in made) == LoginAttempt.PER_ACCOUNT


def test_of_those_who_want_one_name_at_once_one_gets_it(database):
    def register(index):
        try:
            return accounts.create_account("ada", f"ada{index}@example.org", password_hash="x")
        except accounts.Refused as refusal:
            return str(refusal)

    got = at_once(4, register)

    assert sorted(map(str, got), key=len)[-3:] == ["The username ada is taken."] * 3
    assert User.select().count() == 1


def test_new_tags_are_made_once(database):
    def name(index):
        with models.database.atomic():
            return Tag.named("New").id

    assert len(set(at_once(8, name))) == 1


@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_who_waits_too_long_for_a_turn_is_refused_and_can_go_on(database, monkeypatch):
    monkeypatch.setattr(database, "turn_seconds", 1)
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with database.connection_context(), database.atomic():
            inside.set()
            leave.wait()

    other = threading.Thread(target=stay)
    other.start()
    inside.wait()
    try:
        if not is_postgresql(database):
            database.execute_sql("SET innodb_lock_wait_timeout = 1")
        with pytest.raises(peewee.OperationalError), database.atomic():
            pass
        assert Talk.select().count() == 0
        Talk.create(title="a statement alone waits for nobody")
    finally:
        leave.set()
        other.join()
        if not is_postgresql(database):
            database.execute_sql("SET innodb_lock_wait_timeout = 5")

    with database.atomic():
        Talk.create(title="B")
    assert Talk.select().count() == 2


# The database itself


def test_an_empty_database_is_settled_and_used_whatever_its_default(empty_url):
    with opened(empty_url) as database, database.bind_ctx(TABLES):
        database.settle()
        database.create_tables(TABLES)
        for word in ("a", "A", "a "):
            Event.create(slug=word, title="E")

        assert [event.slug for event in Event.select().order_by(Event.slug)] == ["A", "a", "a "]
        database.settle()


@pytest.mark.parametrize("empty_url", SERVERS, indirect=True)
def test_a_patient_connection_waits_for_its_turn_for_ever(empty_url):
    with patiently(open_database(empty_url)) as database:
        with database.atomic():
            setting = "SHOW lock_timeout" if is_postgresql(database) else "SELECT @@innodb_lock_wait_timeout"
            waits = database.execute_sql(setting).fetchone()[0]

    assert waits in ("0", 31_536_000)


@pytest.mark.parametrize("empty_url", SERVERS, indirect=True)
def test_a_server_that_is_too_old_is_said_to_be(empty_url):
    with opened(empty_url) as database:
        database.server_version = 110_022 if is_postgresql(database) else (10, 5, 29)
        with pytest.raises(Unsuitable, match="is too old; use 1.* or newer"):
            database.settle()


@pytest.mark.server
def test_another_encoding_than_utf_8_is_refused(postgresql):
    postgresql.execute("CREATE DATABASE latin OWNER talks ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with opened(postgresql.url("latin")) as database:
        with pytest.raises(Unsuitable, match="the database's text is LATIN1; make it with CREATE DATABASE"):
            database.settle()


@pytest.mark.server
def test_the_host_that_answers_is_used(postgresql):
    url = postgresql.make_database()
    several = url.replace("@", f"@127.0.0.1:{free_port()},[::1]:{postgresql.port},")

    with opened(several) as database:
        assert database.execute_sql("SELECT 1").fetchone() == (1,)


@pytest.mark.server
def test_postgresql_is_reached_by_its_socket(postgresql):
    url, folder = postgresql.make_database(), str(postgresql.folder)
    as_host = url.replace("127.0.0.1", quote(folder, safe=""))
    as_option = f"postgresql://talks@/{urlsplit(url).path[1:]}?host={folder}&port={postgresql.port}"

    for by_socket in (as_host, as_option):
        with opened(by_socket) as database:
            assert database.execute_sql("SELECT inet_server_addr()").fetchone() == (None,)


@pytest.mark.server
def test_mariadb_is_reached_by_its_socket(mariadb):
    url = mariadb.make_database().replace(f"127.0.0.1:{mariadb.port}", "")

    with opened(f"{url}?unix_socket={mariadb.folder}/s") as database:
        where = "SELECT substring_index(host, ':', 1) FROM information_schema.processlist"
        assert database.execute_sql(f"{where} WHERE id = connection_id()").fetchone() == ("localhost",)


@pytest.mark.parametrize("empty_url", SERVERS, indirect=True)
@pytest.mark.parametrize(
    "change", [("%25", "s3cret"), ("127.0.0.1", "127.0.0.2"), ("/talks_", "/talks_s3cret_no")]
)
def test_what_hinders_a_connection_is_said_in_one_line(empty_url, change):
    with pytest.raises(peewee.OperationalError) as refusal, opened(empty_url.replace(*change)):
        pass

    said = reason(refusal.value)
    assert len(said.splitlines()) == 1
    assert "s3cret" not in said.replace("talks_s3cret_no", "")
