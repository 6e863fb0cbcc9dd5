"""What people paste into the fields for video and slides: an address, or an embed code.

Of an embed code only the address in it (or the id of the deck) is read; nothing pasted is ever printed.
"""

from html.parser import HTMLParser

from talks.embeds.addresses import web_address
from talks.embeds.players import Found, Link, Refused
from talks.embeds.providers import match, providers

MAX_PASTED = 10_000
MAX_TAGS = 40  # html.parser takes a second for thousands of tags that are never closed


def recognise(text: str, kind: str, peertube_hosts=()) -> Found:
    """What an address or embed code given for "video" or "slides" stands for; else `Refused`."""
    names = providers(kind, peertube_hosts)
    accepted = (
        f"Accepted: an address or embed code of {', '.join(names[:-1])}, or the address of a {names[-1]}."
    )
    if len(text) > MAX_PASTED:
        raise Refused(f"That is too long for the address or embed code of {kind}. {accepted}")
    given = _pasted(text) if "<" in text else text
    address = web_address(given) if given else None
    if address is None:
        raise Refused(f"That is not an address beginning with https:// and not an embed code. {accepted}")
    found = match(address, peertube_hosts)
    if found is None:
        if address.startswith("http:") and match(f"https{address[4:]}", peertube_hosts):
            raise Refused(f"A video file is played only from an address beginning with https://. {accepted}")
        raise Refused(f"This site has no {kind} player for that address. {accepted}")
    if found.shows != kind:
        raise Refused(
            f"That is {found.shows} ({found.provider}): give it in the {found.shows} field. {accepted}"
        )
    if isinstance(found, Link):
        return Found(found.page, None, found.hint)
    return Found(found.page, found)


def _pasted(code: str) -> str | None:
    """The one address in an embed code, or None if there is none or more than one."""
    if code.count("<") > MAX_TAGS:
        return None
    parser = EmbedCode()
    try:
        parser.feed(code)
        parser.close()
    except AssertionError:  # html.parser's answer to some broken declarations, such as "<![a"
        return None
    found = parser.found
    return found[0] if len(found) == 1 else None


class EmbedCode(HTMLParser):
    """Collects the addresses of frames, of Speaker Deck's script and of Notist's paragraph; nothing else."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in reversed(attrs)}  # as in browsers, the first one counts
        source = given.get("src", "").strip()
        if source.startswith("//"):
            source = f"https:{source}"
        if tag == "iframe":
            self.found.append(source)
        elif tag == "script" and source == "https://speakerdeck.com/assets/embed.js":
            self.found.append(f"https://speakerdeck.com/player/{given.get('data-id', '')}")
        elif tag == "p" and given.get("data-notist"):
            self.found.append(f"https://noti.st/{given['data-notist']}")
