"""Short addresses lead to where it is."""

import pytest

PLACES = {
    "/register": "/auth/register",
    "/login": "/auth/login",
    "/logout": "/auth/logout",
    "/entry": "/journal/new",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("short, place", PLACES.items())
def test_a_short_address_leads_on_for_good(client, short, place, method):
    answer = client.open(short, method=method)

    assert (answer.status_code, answer.location) == (308, place)


def test_the_query_is_kept_as_it_was_sent(client):
    answer = client.get("/login?next=/talk/1%3Fpage%3D2")

    assert answer.location == "/auth/login?next=/talk/1%3Fpage%3D2"


def test_no_query_leads_to_another_site(client):
    assert client.get("/login?//evil.example").location == "/auth/login?//evil.example"
