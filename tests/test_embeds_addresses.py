"""What an address is, and what only looks like one."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talks.embeds import MAX_ADDRESS, web_address


def case(name, *values):
    return pytest.param(*values, id=name)


ADDRESSES = [
    case("stays as it is", "https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
    case("needs no path", "http://example.org", "http://example.org"),
    case("scheme and host in lower case", "HTTPS://Example.ORG/Path", "https://example.org/Path"),
    case("blanks around it dropped", "  https://example.org/\n", "https://example.org/"),
    case("dot at the end of the host dropped", "https://example.org./a", "https://example.org/a"),
    case("default port of https dropped", "https://example.org:443/", "https://example.org/"),
    case("default port of http dropped", "http://example.org:80/", "http://example.org/"),
    case("other ports kept", "https://example.org:8443/a", "https://example.org:8443/a"),
    case("empty port dropped", "https://example.org:/a", "https://example.org/a"),
    case("international host in Punycode", "https://Bücher.example/", "https://xn--bcher-kva.example/"),
    case("sharp s as browsers read it", "https://straße.de/", "https://xn--strae-oqa.de/"),
    case("decomposed umlaut composed", "https://bu\u0308cher.example/", "https://xn--bcher-kva.example/"),
    case(
        "Greek capitals, the last letter not in its final form",
        "https://ΒΌΛΟΣ.gr/",
        "https://xn--nxasmq6b.gr/",
    ),
    case("path outside ASCII in per cent signs", "https://example.org/ü", "https://example.org/%C3%BC"),
    case("per cent signs kept", "https://example.org/a%20b", "https://example.org/a%20b"),
    case("quotes and brackets in per cent signs", "https://e.org/\"<>'", "https://e.org/%22%3C%3E'"),
    case("IPv4", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
    case("IPv6 in its short form", "http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"),
    case("query without a path", "https://example.org?a=b", "https://example.org?a=b"),
    case("a host without dots", "http://localhost:8000/a", "http://localhost:8000/a"),
]

NO_ADDRESSES = [
    case("nothing", ""),
    case("not text", None),
    case("a word", "video"),
    case("host and path alone", "example.org/a"),
    case("no scheme", "//example.org/a"),
    case("no host", "https:///a"),
    case("only a port", "https://:443/"),
    case("only a dot", "https://./"),
    case("two dots", "https://example..org/"),
    case("a dot in front", "https://.example.org/"),
    case("JavaScript", "javascript:alert(1)"),
    case("JavaScript as a host", "javascript://example.org/%0aalert(1)"),
    case("JavaScript in mixed case", "JaVaScRiPt:alert(1)"),
    case("JavaScript over two lines", "java\nscript:alert(1)"),
    case("JavaScript after a control character", "\x01javascript:alert(1)"),
    case("VBScript", "vbscript:msgbox(1)"),
    case("data", "data:text/html,<script>alert(1)</script>"),
    case("a file", "file:///etc/passwd"),
    case("ftp", "ftp://example.org/a"),
    case("a scheme within a scheme", "view-source:https://example.org/"),
    case("a mail address", "mailto:ada@example.org"),
    case("one slash", "https:/example.org/"),
    case("slash and backslash", "https:/\\evil.example/"),
    case("backslashes", "https:\\\\evil.example/"),
    case("a backslash in the host", "https://youtube.com\\@evil.example/"),
    case("a backslash in the path", "https://example.org/a\\b"),
    case("user and host", "https://youtube.com@evil.example/"),
    case("user, password and host", "https://a:b@evil.example/"),
    case("an empty user", "https://@evil.example/"),
    case("an escaped host", "https://%79outube.com/"),
    case("NUL", "https://example.org/\0"),
    case("a tab in the host", "https://you\ttube.com/"),
    case("a line break in the path", "https://example.org/a\nb"),
    case("a blank in the path", "https://example.org/a b"),
    case("a no-break space", "https://example.org/a\u00a0b"),
    case("a zero-width space in the host", "https://you\u200btube.com/"),
    case("a soft hyphen in the host", "https://you\u00adtube.com/"),
    case("text turned around", "https://example.org/\u202egp4"),
    case("half a surrogate pair", "https://example.org/\ud800"),
    case("a full-width letter", "https://ｙoutube.com/"),
    case("an ideographic dot", "https://youtube。com/"),
    case("a full-width dot", "https://youtube．com/"),
    case("a ligature", "https://o\ufb03ce.example/"),
    case("a slash look-alike", "https://example.org⁄a/"),
    case("a filler letter", "https://\u115fyoutube.com/"),
    case("an accent in front", "https://\u0301youtube.com/"),
    case("a hyphen in front", "https://-example.org/"),
    case("port 0", "https://example.org:0/"),
    case("port 65536", "https://example.org:65536/"),
    case("a long port", "https://example.org:000443/"),
    case("a port in letters", "https://example.org:https/"),
    case("a port in Arabic digits", "https://example.org:٨٠/"),
    case("IPv4 as one number", "http://2130706433/"),
    case("IPv4 in hexadecimal", "http://0x7f.1/"),
    case("IPv4 in octal", "http://0177.0.0.1/"),
    case("IPv4 with three numbers", "http://127.0.1/"),
    case("IPv6 without an end", "http://[::1/"),
    case("IPv6 with a zone", "http://[fe80::1%25eth0]/"),
    case("not quite IPv6", "http://[::g]/"),
    case("a label of 64 letters", f"https://{'a' * 64}.example/"),
    case("a host of 255 letters", f"https://{'a.' * 127}a/"),
    case("too long", f"https://example.org/{'a' * MAX_ADDRESS}"),
    case("too long in per cent signs", f"https://example.org/{'ü' * 400}"),
]


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_an_address_has_one_spelling(text, address):
    assert web_address(text) == address


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_only_absolute_http_addresses_are_addresses(text):
    assert web_address(text) is None


def test_an_address_of_the_greatest_length_is_one():
    address = "https://example.org/".ljust(MAX_ADDRESS, "a")
    assert web_address(address) == address
    assert web_address(address + "a") is None


PIECES = st.sampled_from(
    "https:// HTTP:// / \\ @ : . [ ] :: ? # & % %2e .. youtube.com evil.example xn-- ü ß \u3002 \uff59 \u0301"
    " javascript: data: \0 \t \n \u202e \u200b \ud800 \" ' < > 443 0x7f 127.0.0.1 - _".split(" ")
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join) | st.text())
def test_an_address_is_plain_ascii_without_user_and_stays_what_it_is(text):
    address = web_address(text)
    if address is not None:
        parts = urlsplit(address)
        assert address.isascii() and address.isprintable() and not set(address) & set(' "<>\\`')
        assert parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        assert web_address(address) == address
