"""The server as operators run it: real gunicorn, real sockets, real signals."""

import email
import os
import re
import signal
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from email import policy
from urllib.parse import urlsplit

import live
import pytest

import main

pytestmark = pytest.mark.server

SETUP = re.compile(r"open (http://\S+)(/auth/setup/\S+)")
ADMINISTRATOR = {
    "username": "carol", "email": "carol@example.org", "password": live.PASSWORD, "password2": live.PASSWORD,
}  # fmt: skip


@pytest.fixture
def make_site(tmp_path):
    """Makes sites that do not run yet, and stops them in the end."""
    made = []

    def make(**settings):
        made.append(live.Site(tmp_path / f"site{len(made)}", **settings))
        return made[-1]

    yield make
    for site in made:
        site.stop()


def test_the_start_says_where_the_site_is(make_site):
    site = make_site().start()

    assert f"Talks is at {site.address}" in site.said()[0]


def test_the_set_up_address_makes_one_administrator_and_no_second(make_site):
    site = make_site().start()
    address, path = SETUP.search(site.said()[0]).groups()
    assert address == site.address
    visitor = site.visitor()
    assert "You are the administrator" in visitor.submit(path, **ADMINISTRATOR).text
    assert "New talk" in visitor.get("/").text

    late = site.visitor().submit(path, **ADMINISTRATOR | {"username": "eve", "email": "eve@example.org"})
    assert urlsplit(late.url).path == "/auth/login"


def test_the_start_leaves_its_workers_no_connection_to_share(database):
    main.application.prepare()

    assert database.is_closed()
    assert not getattr(database, "_connections", None)  # of a pool, the idle ones


def test_with_an_administrator_the_start_offers_no_set_up(make_site):
    site = make_site()
    site.add("carol", "--admin")
    site.start()

    assert "/auth/setup/" not in site.said()[0]


@pytest.mark.parametrize("path", ["/-/live", "/-/ready"])
def test_the_health_address_answers(site, path):
    answer = site.visitor().get(path)

    assert (answer.status, answer.text) == (200, "ok\n")


@pytest.mark.parametrize("path", ["/-/environ", "/-/crash", "/-/ui"])
def test_what_is_for_development_is_not_there_in_production(site, path):
    assert site.visitor().get(path).status == 404


def test_in_development_the_environment_is_shown(workshop):
    answer = workshop.visitor().get("/-/environ")

    assert answer.status == 200
    assert "PATH_INFO = '/-/environ'" in answer.text


def test_a_crash_is_a_page_a_log_line_and_a_mail_with_one_request_id(make_site):
    # Not the shared one: of what crashes in the same way, one mail an hour is sent.
    workshop = make_site(TALKS_CONFIG="development", MAIL_ERROR_RECIPIENT="operator@example.org").start()
    answer = workshop.visitor().get("/-/crash", X_Request_Id="crash-number-1")
    assert answer.status == 500
    assert "crash-number-1" in answer.text and "Traceback" not in answer.text

    assert re.search(r"GET /-/crash failed, request crash-number-1", workshop.said()[1])
    assert "RuntimeError: This error was asked for" in workshop.said()[1]

    box = workshop.instance / "mail"
    file = live.wait_for(lambda: list(box.glob("[!.]*.eml")), "the mail")[0]
    mail = email.message_from_bytes(file.read_bytes(), policy=policy.default)
    assert mail["To"] == "operator@example.org"
    assert "crash-number-1" in mail.get_content() and "RuntimeError" in mail.get_content()


def test_eight_people_publish_and_read_at_once(make_site):
    site = make_site()
    site.add("ada", "--speaker")
    site.start()

    visitors = [site.visitor("ada") for _ in range(8)]

    def publish_and_read(person):
        visitor, statuses = visitors[person], []
        for number in range(5):
            path = visitor.publish(title=f"Talk {number} of {person}", tags="everybody", event="One for all")
            statuses += [visitor.get(there).status for there in (path, "/", "/tag/everybody")]
        return statuses

    with ThreadPoolExecutor(8) as people:
        statuses = [status for found in people.map(publish_and_read, range(8)) for status in found]

    assert set(statuses) == {200}
    assert site.count_talks() == 40
    assert "40 talks" in site.visitor().get("/tag/everybody").text
    assert "locked" not in site.said()[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "oracle://db.example.org/talks"),
        ("DATABASE_URL", "sqlite:////nowhere/at/all/talks.db"),
        ("DATABASE_URL", "talks.db"),
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("TALKS_PER_PAGE", "0"),
        ("TALKS_PER_PAGE", "99999999999999999999"),
        ("TALKS_CONFIG", "staging"),
        ("SITE_URL", "talks.example.org/path"),
        ("SITE_URL", "https://[oops"),
        ("MAIL_ERROR_RECIPIENT", "nobody"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(make_site, name, value):
    site = make_site(**{name: value})

    assert site.launch().wait(live.PATIENCE_SECONDS) == 1
    lines = site.said()[1].strip().splitlines()
    assert len(lines) == 1, lines
    assert name in lines[0]


def test_a_database_that_is_none_is_one_line(make_site, tmp_path):
    (tmp_path / "letter.db").write_text("Dear reader, this is a letter and no database. " * 100)
    site = make_site(DATABASE_URL=f"sqlite:///{tmp_path}/letter.db")

    assert site.launch().wait(live.PATIENCE_SECONDS) == 1
    lines = site.said()[1].strip().splitlines()
    assert len(lines) == 1, lines
    assert "DATABASE_URL" in lines[0]


def occupied_by_a_file(instance):
    instance.write_text("in the way")


def that_takes_no_files(instance):
    instance.symlink_to("/proc")


@pytest.mark.parametrize("spoil", [occupied_by_a_file, that_takes_no_files])
@pytest.mark.parametrize("settings", [{}, {"SECRET_KEY": "s" * 32}], ids=["secret-to-make", "secret-given"])
def test_an_instance_folder_that_cannot_be_written_is_one_line(make_site, spoil, settings):
    site = make_site(**settings)
    spoil(site.instance)

    assert site.launch().wait(live.PATIENCE_SECONDS) == 1
    lines = site.said()[1].strip().splitlines()
    assert len(lines) == 1, lines
    assert "instance" in lines[0]


def test_a_taken_port_ends_the_second_site(make_site):
    first = make_site().start()
    second = make_site(PORT=first.port)

    assert second.launch().wait(live.PATIENCE_SECONDS) == 1
    assert str(first.port) in second.said()[1]
    assert first.visitor().get("/").status == 200


def connection(site, sent=b""):
    opened = socket.create_connection(("127.0.0.1", site.port), live.PATIENCE_SECONDS)
    opened.sendall(sent)
    return opened


def test_sigterm_ends_the_server_though_readers_stay_connected(make_site):
    site = make_site().start()
    workers = site.workers()
    with connection(site, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") as idle:
        assert idle.recv(12) == b"HTTP/1.1 200"
        process = site.process
        process.terminate()
        code = process.wait(20)  # below the half minute after which gunicorn uses force

    assert code == 0
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]


def test_a_request_that_was_begun_is_answered_before_the_end(make_site):
    site = make_site().start()
    head = "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with connection(site, head.encode()) as client:
        assert client.recv(64).startswith(b"HTTP/1.1 100")  # a worker waits for the rest
        site.process.terminate()
        client.sendall(b"a=b&c")

        assert client.recv(64).startswith(b"HTTP/1.1 400")  # a form without its token


def test_a_killed_worker_is_replaced_and_nobody_notices(make_site):
    site = make_site().start()
    before = live.wait_for(lambda: len(site.workers()) == 2 and site.workers(), "two workers")
    os.kill(before[0], signal.SIGKILL)

    assert {site.visitor().get("/").status for _ in range(10)} == {200}
    live.wait_for(lambda: len(set(site.workers()) - {before[0]}) == 2, "a new worker")


def test_what_was_answered_survives_the_death_of_everything(make_site):
    site = make_site()
    site.add("ada", "--speaker")
    site.start()
    path = site.visitor("ada").publish(title="Still here")
    os.killpg(site.process.pid, signal.SIGKILL)
    site.stop()
    site.start()

    assert "Still here" in site.visitor().get(path).text


def test_slow_clients_do_not_stop_others(make_site):
    site = make_site().start()
    slow = [connection(site, b"G") for _ in range(10)]
    try:
        for byte in (b"E", b"T", b" "):
            for client in slow:
                client.sendall(byte)
            assert site.visitor().get("/").status == 200
            time.sleep(1)
    finally:
        for client in slow:
            client.close()


def test_readers_who_take_nothing_do_not_stop_others(make_site):
    site = make_site(TALKS_PER_PAGE=200)
    site.flask("load-demo")
    site.start()
    deaf = [connection(site, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20) for _ in range(4)]
    try:
        assert site.visitor().get("/").status == 200
    finally:
        for client in deaf:
            client.close()


def test_the_secret_is_the_owners_only_and_made_once(make_site):
    site = make_site().start()
    file = site.instance / "secret_key"
    made = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(made) == 64
    site.stop()

    site.start()
    assert file.read_text() == made


@pytest.mark.parametrize("settings", [{}, {"SECRET_KEY": "s" * 32}], ids=["secret-to-make", "secret-given"])
def test_a_new_instance_folder_is_the_owners_only(make_site, settings):
    site = make_site(**settings).start()

    assert stat.S_IMODE(site.instance.stat().st_mode) == 0o700


def test_a_sign_in_outlives_a_restart(make_site):
    site = make_site()
    site.add("ada", "--speaker")
    site.start()
    visitor = site.visitor("ada")
    site.stop()
    site.start()

    assert "Sign out" in visitor.get("/").text


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A site with a name of its own, behind one proxy."""
    settings = {"SITE_URL": "https://talks.example.org", "TRUSTED_PROXIES": 1, "TALKS_CONFIG": "development"}
    with live.Site(tmp_path_factory.mktemp("named"), **settings) as site:
        yield site


def test_a_request_under_the_sites_name_is_answered(named):
    assert named.visitor().get("/", Host="talks.example.org").status == 200


@pytest.mark.parametrize("host", ["evil.example.org", "talks.example.org.evil.org", "127.0.0.1", "a b"])
def test_a_request_under_another_name_is_refused(named, host):
    answer = named.visitor().get("/", Host=host)

    assert answer.status == 400
    assert "<h1>" in answer.text


def test_health_is_answered_under_any_name(named):
    assert named.visitor().get("/-/ready", Host="10.0.0.1").status == 200


def test_the_greeting_says_the_sites_own_name(named):
    assert "https://talks.example.org/auth/setup/" in named.said()[0]


def test_a_trusted_proxy_says_who_asks(named):
    shown = named.visitor().get("/-/environ", X_Forwarded_For="203.0.113.9, 198.51.100.7").text

    assert "REMOTE_ADDR = '198.51.100.7'" in shown


def test_over_a_proxys_tls_the_cookie_is_secure(named):
    headers = {"Host": "talks.example.org", "X_Forwarded_Proto": "https"}

    assert "Secure" in named.visitor().get("/auth/login", **headers).headers["Set-Cookie"]


def test_nobody_is_believed_who_is_no_proxy(workshop):
    shown = (
        workshop.visitor().get("/-/environ", X_Forwarded_For="203.0.113.9", X_Forwarded_Proto="https").text
    )

    assert "REMOTE_ADDR = '127.0.0.1'" in shown
    assert "wsgi.url_scheme = 'http'" in shown


@pytest.mark.parametrize(
    "request_text",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\r\nHost: a\r\n\r\n",
        b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["noise", "no-host", "no-version", "negative-length", "two-lengths", "long-header", "long-address"],
)
def test_a_malformed_request_is_refused_and_the_site_goes_on(workshop, request_text):
    with connection(workshop) as client:
        try:
            client.sendall(request_text)
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(64)
        except OSError:  # it was closed before we were done
            answer = b""
    assert not answer or re.match(rb"HTTP/1\.[01] 4\d\d", answer), answer

    assert workshop.visitor().get("/").status == 200


def test_a_body_above_the_limit_is_refused(workshop):
    head = f"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {6 * 2**20}\r\n\r\n"
    with connection(workshop, head.encode()) as client:
        assert client.recv(64).startswith(b"HTTP/1.1 413")


def test_who_sends_a_refused_body_slowly_can_send_all_of_it_and_then_reads_why(workshop):
    pieces = 12
    head = f"POST /profile/picture HTTP/1.1\r\nHost: localhost\r\nContent-Length: {pieces * 2**20}\r\n\r\n"
    with connection(workshop, head.encode()) as client:
        for _ in range(pieces):
            client.sendall(bytes(2**20))
            time.sleep(0.1)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            text = answer.read()

    assert text.startswith(b"HTTP/1.1 413")
    assert b"A picture has at most 5 MB." in text


def test_a_body_that_comes_byte_by_byte_is_answered_and_cut_off(make_site):
    site = make_site()
    module = site.house / "talks/layers/limits.py"
    module.write_text(module.read_text().replace("BODY_SECONDS = 30", "BODY_SECONDS = 1"))
    site.start()
    head = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n"
    with connection(site, head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\na") as client:
        with client.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 408")
            assert b"Error 408" in answer.read()  # to the end of the connection


def test_a_chunk_without_a_length_is_a_bad_request_and_no_error(make_site):
    site = make_site().start()
    head = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    with connection(site, head + b"ZZ\r\nabc\r\n") as client:
        assert client.recv(64).startswith(b"HTTP/1.1 400")

    assert "Traceback" not in site.said()[1]
