"""`web_address`, the one function by which anything becomes a link, in every part of the site."""

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

MAX_ADDRESS = 2_000

ADDRESS = re.compile(r"(https?)://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)
# Never part of an address: control characters, white space, backslashes (browsers read those as slashes).
FORBIDDEN = re.compile(
    r"[\x00-\x20\x7f-\xa0\\\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff]"
)
AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@]+)(?::([0-9]{0,5}))?", re.IGNORECASE)
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
KEPT = "!#$%&'()*+,-./:;=?@[]_~"  # what `quote` leaves alone beside letters and digits; no quote, no bracket
FILLERS = frozenset("\u115f\u1160\u17b4\u17b5")  # letters that no font draws
LETTERS = frozenset(("Ll", "Lo", "Lm", "Mn", "Mc", "Nd"))


def web_address(text) -> str | None:
    """`text` as an absolute http(s) address in ASCII, or None if it is anything else.

    Scheme and host come back in lower case, an international host in Punycode (RFC 3492), other characters
    outside ASCII as per cent signs and UTF-8; a default port and the dot at the end of a host are dropped.
    """
    if not isinstance(text, str) or len(text) > MAX_ADDRESS:
        return None
    text = text.strip(" \t\r\n")
    if FORBIDDEN.search(text) or not (parts := ADDRESS.fullmatch(text)):
        return None
    scheme, authority, rest = parts[1].lower(), parts[2], parts[3]
    if not (named := AUTHORITY.fullmatch(authority)) or not (host := _host(named[1])):
        return None
    port = int(named[2] or 0)
    if (named[2] and not port) or port > 65_535:
        return None
    place = host if port in (0, {"http": 80, "https": 443}[scheme]) else f"{host}:{port}"
    address = f"{scheme}://{place}{quote(rest, safe=KEPT)}"
    return address if len(address) <= MAX_ADDRESS else None


def _host(text: str) -> str | None:
    """A host name or IP address in its one ASCII spelling, or None."""
    try:
        if text.startswith("["):
            return f"[{IPv6Address(text[1:-1]).compressed}]"
        labels = [_label(label) for label in text.removesuffix(".").split(".")]
        if not all(labels) or len(host := ".".join(labels)) > 253:
            return None
        # Browsers read a host that ends in a number as an IPv4 address, in octal and hexadecimal too.
        return str(IPv4Address(host)) if NUMBER.fullmatch(labels[-1]) else host
    except AddressValueError:
        return None


def _label(text: str) -> str | None:
    """One part of a host name in ASCII, or None.

    Full-width letters, ideographic dots and other look-alikes that browsers fold into ASCII are refused,
    not folded. The standard library's "idna" codec is no help: it knows the rules of 2003, by which a
    German "straße" becomes another host than the one a browser opens.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", "".join(letter.lower() for letter in text))
        if text != unicodedata.normalize("NFKC", text) or unicodedata.category(text[0])[0] == "M":
            return None
        if not all(_in_name(letter) for letter in text):
            return None
        text = "xn--" + text.encode("punycode").decode("ascii")
    text = text.lower()
    return text if LABEL.fullmatch(text) else None


def _in_name(letter: str) -> bool:
    if letter.isascii():
        return letter.isalnum() or letter == "-"
    return letter not in FILLERS and unicodedata.category(letter) in LETTERS
