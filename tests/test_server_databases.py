"""The site as operators run it, with its data on a server."""

from concurrent.futures import ThreadPoolExecutor

import live
import pytest

pytestmark = pytest.mark.server


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def on_server(server, tmp_path):
    """A site with two workers and an empty database; it does not run yet."""
    url = server.make_database()
    made = live.Site(tmp_path, DATABASE_URL=url, SECRET_KEY="one for all machines", WEB_CONCURRENCY=2)
    yield made
    made.stop()
    server.drop_database(url)


def sessions(server):
    """How many connections to its databases the server has."""
    if server.scheme == "mysql":
        rows = server.execute("SELECT count(*) FROM information_schema.processlist WHERE user = 'talks'")
    else:
        rows = server.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'talks'")
    return rows[0][0]


def test_it_lives(on_server):
    on_server.add("ada", "--speaker")
    on_server.start()
    ada = on_server.visitor("ada")
    path = ada.publish(
        title="Types \N{MICROPHONE}", date="2019-05-03", tags="typing", event="PyCon", speakers="Ada"
    )

    visitor = on_server.visitor()
    for page in (path, "/", "/events", "/event/pycon", "/tag/typing", "/speakers", "/tags"):
        assert visitor.get(page).status == 200
    assert "Types \N{MICROPHONE}" in visitor.get("/").text
    assert visitor.get("/talk/9999999999").status == 404

    on_server.stop()
    on_server.start()
    assert "Types \N{MICROPHONE}" in visitor.get("/").text
    assert "New talk" in ada.get("/").text
    assert "Traceback" not in on_server.said()[1]


def test_eight_people_publish_and_read_at_once(on_server):
    on_server.add("ada", "--speaker")
    on_server.start()
    visitors = [on_server.visitor("ada") for _ in range(8)]

    def publish_and_read(person):
        visitor, statuses = visitors[person], []
        for number in range(5):
            path = visitor.publish(title=f"Talk {number} of {person}", tags="everybody", event="One for all")
            statuses += [visitor.get(there).status for there in (path, "/", "/tag/everybody")]
        return statuses

    with ThreadPoolExecutor(8) as people:
        statuses = [status for found in people.map(publish_and_read, range(8)) for status in found]

    assert set(statuses) == {200}
    assert on_server.count_talks() == 40
    assert "40 talks" in on_server.visitor().get("/tag/everybody").text
    assert on_server.said()[1] == ""


def test_no_connection_is_open_before_the_workers_ask(on_server, server):
    before = sessions(server)
    on_server.launch()
    live.wait_for(
        lambda: "Talks is at" in on_server.said()[0] and len(on_server.workers()) == 2, "two workers"
    )

    assert live.wait_for(lambda: sessions(server) == before, "the end of the last connection")


def test_a_site_without_a_secret_does_not_start(on_server):
    del on_server.settings["SECRET_KEY"]

    assert on_server.launch().wait(live.PATIENCE_SECONDS) == 1
    assert on_server.said()[1].splitlines() == [
        "SECRET_KEY: with a database server, set it to 64 random characters of your own"
    ]


def test_a_server_that_is_not_there_is_said_in_one_line(on_server, server):
    port = str(live.free_port())
    on_server.settings["DATABASE_URL"] = on_server.settings["DATABASE_URL"].replace(str(server.port), port)

    assert on_server.launch().wait(live.PATIENCE_SECONDS) not in (0, None)
    lines = [line for line in on_server.said()[1].splitlines() if "DATABASE_URL" in line]
    assert len(lines) == 1
    assert "w%C3%B6rd" not in on_server.said()[1] and "wörd" not in on_server.said()[1]
