"""Passkeys: only the right one, at the right site, for the right challenge, once."""

import json
import time

import pytest
from authenticator import VERIFIED, Authenticator
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_accounts import at_once
from test_second_factor import CODE, set_up, told

import main
from models import Credential, database
from talks import passkeys, second_factor
from talks.passkeys import CHALLENGE, Refused, relying_party

HERE = relying_party("http://localhost/")
STEP = "/auth/second-factor"
SETTINGS, PASSKEYS = f"{STEP}/settings", f"{STEP}/passkeys"


def creation(user, kept, party=HERE):
    return json.loads(passkeys.creation_options(user, party, "Talks", "secret", kept))


def request(user, kept, party=HERE):
    return json.loads(passkeys.request_options(user, party, kept))


def added(user, device, name="", **lies):
    kept = {}
    return passkeys.add(user, device.create(creation(user, kept), **lies), name, HERE, kept)


@pytest.fixture
def device(bob):
    """Bob's device, with a passkey of this site."""
    device = Authenticator()
    added(bob, device, "Blue key")
    return device


def options_of(browser, address, page):
    """What the site tells the browser at `address`."""
    return browser.submit(address, page=page).get_json()


@pytest.mark.parametrize(
    ("address", "id_", "origin"),
    [
        ("https://talks.example.org", "talks.example.org", "https://talks.example.org"),
        ("https://Talks.Example.org/", "talks.example.org", "https://talks.example.org"),
        ("https://talks.example.org:443", "talks.example.org", "https://talks.example.org"),
        ("https://talks.example.org:8443", "talks.example.org", "https://talks.example.org:8443"),
        ("http://localhost:8000/", "localhost", "http://localhost:8000"),
        ("https://täls.example", "xn--tls-qla.example", "https://xn--tls-qla.example"),
        ("http://127.0.0.1:8000/", "127.0.0.1", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "::1", "http://[::1]:8000"),
    ],
)
def test_a_site_is_known_to_browsers_by(address, id_, origin):
    assert relying_party(address) == (id_, origin)


@pytest.mark.parametrize(("host", "has_name"), [("localhost", True), ("127.0.0.1", False), ("[::1]", False)])
def test_a_site_without_a_name_has_no_passkeys(host, has_name):
    assert relying_party(f"http://{host}:8000/").has_name == has_name


def test_the_first_passkey_brings_recovery_codes(bob):
    codes = added(bob, Authenticator(), "Blue key")

    assert len(codes) == 10
    assert second_factor.is_needed(bob)
    assert [row.name for row in second_factor.factors_of(bob).passkeys] == ["Blue key"]
    assert told(bob) == ["A passkey was added"]


def test_further_ones_bring_none(bob, device):
    assert added(bob, Authenticator()) == []
    assert [row.name for row in second_factor.factors_of(bob).passkeys] == ["Blue key", "Passkey 2"]


def test_a_passkey_of_any_length_that_devices_make_is_taken(bob):
    for length in (16, 64, 255, 384):
        added(bob, Authenticator(id_bytes=length))
    with pytest.raises(Refused):
        added(bob, Authenticator(id_bytes=1023))


def test_there_are_not_too_many(bob, monkeypatch):
    monkeypatch.setattr(passkeys, "MOST", 2)
    for _ in range(2):
        added(bob, Authenticator())

    with pytest.raises(Refused):
        added(bob, Authenticator())


def test_the_same_passkey_is_nobody_elses(bob, ada, device):
    with pytest.raises(Refused):
        added(ada, device)
    assert not second_factor.is_needed(ada)


def test_the_options_name_those_that_are_there_and_not_the_account(bob, device):
    options = creation(bob, {})

    assert len(options["excludeCredentials"]) == 1
    assert options["user"]["name"] == bob.email
    assert options["user"]["id"] == creation(bob, {})["user"]["id"]
    assert str(bob.id) not in options["user"]["id"][:3]
    assert options["attestation"] == "none"


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param({"origin": "https://evil.example"}, id="on another site"),
        pytest.param({"host": "evil.example"}, id="for another site"),
        pytest.param({"challenge": "AAAA"}, id="for another challenge"),
        pytest.param({"kind": "webauthn.get"}, id="as something else"),
    ],
)
def test_a_passkey_made_otherwise_is_refused(bob, lies):
    with pytest.raises(Refused):
        added(bob, Authenticator(), **lies)
    assert not Credential.select().exists()


@pytest.mark.parametrize("kind", ["packed", "tpm", "fido-u2f", "apple", "android-safetynet", "anything"])
def test_what_a_device_says_of_its_maker_is_not_read(bob, kind):
    added(bob, Authenticator(), attestation=(kind, {"x5c": [b"no certificate"], "sig": 1, "response": "\0"}))

    assert second_factor.is_needed(bob)


def test_a_challenge_makes_one_passkey(bob):
    kept = {}
    sent = Authenticator().create(creation(bob, kept))
    passkeys.add(bob, sent, "", HERE, kept)

    with pytest.raises(Refused):
        passkeys.add(bob, sent, "", HERE, kept)


def test_a_passkey_gets_in(bob, device):
    kept = {}

    assert passkeys.accept(bob, device.get(request(bob, kept)), HERE, kept)


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param({"origin": "https://evil.example"}, id="on another site"),
        pytest.param({"host": "evil.example"}, id="for another site"),
        pytest.param({"challenge": "AAAA"}, id="for another challenge"),
        pytest.param({"kind": "webauthn.create"}, id="as something else"),
        pytest.param({"flags": VERIFIED}, id="with nobody present"),
        pytest.param({"forged": True}, id="with a forged signature"),
    ],
)
def test_an_answer_given_otherwise_is_refused(bob, device, lies):
    kept = {}

    assert not passkeys.accept(bob, device.get(request(bob, kept), **lies), HERE, kept)
    assert Credential.get(Credential.kind == "passkey").used_at is None


def test_a_passkey_of_somebody_else_is_refused(bob, ada, device):
    other, kept = Authenticator(), {}
    added(ada, other)

    assert not passkeys.accept(bob, other.get(request(bob, kept)), HERE, kept)


def test_an_answer_by_another_key_is_refused(bob, device):
    thief, kept = Authenticator(), {}
    thief.id = device.id

    assert not passkeys.accept(bob, thief.get(request(bob, kept)), HERE, kept)


def test_an_answer_works_once(bob, device):
    kept = {}
    sent = device.get(request(bob, kept))
    passkeys.accept(bob, sent, HERE, kept)

    with pytest.raises(Refused):
        passkeys.accept(bob, sent, HERE, kept)


@pytest.mark.parametrize("counts", [True, False], ids=["that counts", "that does not count"])
def test_a_copied_session_does_not_bring_an_answer_of_a_device_again(bob, counts):
    device, kept = Authenticator(counts=counts), {}
    added(bob, device)
    sent = device.get(request(bob, kept))
    copy = dict(kept)
    assert passkeys.accept(bob, sent, HERE, kept)

    assert not passkeys.accept(bob, sent, HERE, copy)


def test_of_two_with_the_same_answer_one_gets_in(bob):
    device, kept = Authenticator(counts=False), {}
    added(bob, device)
    sent = device.get(request(bob, kept))

    results = at_once(4, lambda number: passkeys.accept(bob, sent, HERE, dict(kept)))

    assert sorted(results) == [False] * 3 + [True]


def test_a_device_that_counts_backwards_is_refused(bob, device):
    for _ in range(2):
        kept = {}
        assert passkeys.accept(bob, device.get(request(bob, kept)), HERE, kept)
    device.signed, kept = 0, {}

    assert not passkeys.accept(bob, device.get(request(bob, kept)), HERE, kept)


def test_a_challenge_gets_old(bob, device):
    kept = {}
    sent = device.get(request(bob, kept))
    kept[CHALLENGE][2] = time.time() - passkeys.SECONDS - 1

    with pytest.raises(Refused):
        passkeys.accept(bob, sent, HERE, kept)


def test_a_challenge_is_for_one_purpose(bob, device):
    kept = {}
    options = creation(bob, kept)

    with pytest.raises(Refused):
        passkeys.accept(bob, device.get({"rpId": "localhost", **options}), HERE, kept)


def test_a_passkey_that_was_removed_is_refused(bob, device):
    added(bob, Authenticator())
    kept = {}
    sent = device.get(request(bob, kept))
    second_factor.remove(second_factor.factors_of(bob).passkeys[0], by=bob)

    assert not passkeys.accept(bob, sent, HERE, kept)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)
BASE64 = st.binary(max_size=120).map(lambda value: passkeys.bytes_to_base64url(value))
PARTS = "clientDataJSON attestationObject authenticatorData signature userHandle transports".split()
SHAPED = st.fixed_dictionaries(
    {"id": BASE64, "rawId": BASE64, "type": st.just("public-key") | JSON},
    optional={
        "response": st.dictionaries(st.sampled_from(PARTS), BASE64 | JSON) | JSON,
        "authenticatorAttachment": JSON,
    },
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sent=st.text(max_size=60) | (JSON | SHAPED).map(json.dumps))
@example(sent="[" * 9_000)
@example(sent="{" * 30_000)
@example(sent='{"id": "\ud800", "rawId": "\ud800"}')
@example(sent='{"id": "\0"}')
@example(sent="NaN")
def test_no_answer_is_too_strange_to_be_refused(bob, device, sent):
    kept = {}
    request(bob, kept)
    try:
        assert not passkeys.accept(bob, sent, HERE, kept)
    except Refused:
        pass
    creation(bob, kept)
    with pytest.raises(Refused):
        passkeys.add(bob, sent, "", HERE, kept)


def with_a_byte_changed(sent, part, place, flip):
    answer = json.loads(sent)
    raw = bytearray(passkeys.base64url_to_bytes(answer["response"][part]))
    raw[place % len(raw)] ^= flip
    answer["response"][part] = passkeys.bytes_to_base64url(bytes(raw))
    return json.dumps(answer)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(place=st.integers(0, 499), flip=st.integers(1, 255))
def test_no_answer_with_a_byte_changed_is_taken(bob, device, part, place, flip):
    kept = {}
    sent = with_a_byte_changed(device.get(request(bob, kept)), part, place, flip)

    assert not passkeys.accept(bob, sent, HERE, kept)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(place=st.integers(0, 499), flip=st.integers(1, 255))
def test_a_new_passkey_with_a_byte_changed_is_refused_or_another(bob, place, flip):
    """Nothing signs it, so what it says of itself may differ; but it breaks nothing."""
    kept, fresh = {}, Authenticator()
    sent = with_a_byte_changed(fresh.create(creation(bob, kept)), "attestationObject", place, flip)
    with database.atomic() as transaction:
        try:
            assert passkeys.add(bob, sent, "", HERE, kept) is not None
        except Refused:
            pass
        transaction.rollback()


def test_a_passkey_is_added_and_used_on_the_pages(sure, bob):
    device = Authenticator()
    options = options_of(sure, f"{PASSKEYS}/challenge", SETTINGS)
    assert options["rp"] == {"id": "localhost", "name": "Talks"}

    answer = sure.submit(PASSKEYS, page=SETTINGS, name="Blue key", passkey=device.create(options))
    assert len(CODE.findall(answer.text)) >= 10
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Blue key" in sure.get(SETTINGS).text

    browser = main.app.test_client()
    browser.sign_in(bob)
    asked = options_of(browser, f"{STEP}/challenge", STEP)
    sent = device.get(asked)
    assert browser.submit(STEP, passkey=sent).location == "/"
    assert browser.get("/profile").status_code == 200


def test_a_refused_passkey_is_said_on_the_page(sure, bob):
    device = Authenticator(origin="https://evil.example")
    sent = device.create(options_of(sure, f"{PASSKEYS}/challenge", SETTINGS))

    answer = sure.submit(PASSKEYS, page=SETTINGS, name="<b>", passkey=sent)

    assert answer.status_code == 422
    assert "was not what this site asked for" in answer.text
    assert 'value="&lt;b&gt;"' in answer.text


def test_a_wrong_answer_is_said_on_the_page(client, bob, device):
    client.sign_in(bob)
    options = options_of(client, f"{STEP}/challenge", STEP)

    answer = client.submit(STEP, passkey=device.get(options, forged=True))

    assert answer.status_code == 422
    assert "That passkey was not accepted." in answer.text
    assert client.get("/profile").status_code == 303


def test_an_answer_without_a_challenge_is_said_on_the_page(client, bob, device):
    client.sign_in(bob)
    kept = {}

    answer = client.submit(STEP, passkey=device.get(request(bob, kept)))

    assert answer.status_code == 422
    assert "took too long, or was sent twice" in answer.text


def test_the_site_is_the_one_of_the_setting(client, bob, device, monkeypatch):
    monkeypatch.setitem(main.app.config, "SITE_URL", "https://talks.example.org")
    client.sign_in(bob)

    assert options_of(client, f"{STEP}/challenge", STEP)["rpId"] == "talks.example.org"


def test_where_the_site_has_no_name_it_says_so(sure, monkeypatch):
    monkeypatch.setitem(main.app.config, "SITE_URL", "http://192.0.2.1")

    page = sure.get(SETTINGS).text

    assert "not at an address in numbers" in page
    assert "data-passkey" not in page


def test_who_has_both_is_asked_for_either(client, bob, device):
    set_up(bob)
    client.sign_in(bob)

    page = client.get(STEP).text

    assert 'data-passkey="get"' in page
    assert 'name="code"' in page
    assert 'name="recovery_code"' in page
