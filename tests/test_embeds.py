"""Addresses, players and embed codes: what gets in, and what gets nowhere."""

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from talks.embeds import (
    MAX_PASTED,
    Refused,
    frame_hosts,
    player,
    providers,
    recognise,
    web_address,
)

PEERTUBE = ("peer.tube", "Video.Example.org")
YT = "https://www.youtube.com/watch?v=7GI-ohaJfto"
YT_SRC = "https://www.youtube-nocookie.com/embed/7GI-ohaJfto"
UUID = "6a4b7aa9-575e-4355-8c5b-6cbb2847626a"
SHORT = "d6ZiUHJRxpjoZKSeetjSXe"
HASH = "ca752bab13514a9086ef3788f4c65676"
DECK = "1bZ30UculKOM4IQ4ic5X2fLpz1Fe1QQPVqJLtshIO0pg"
PUBLISHED = "2PACX-1vT5hKsfivsyGgfRjsl0nKCHasqOuuZ3Rdoqm_OwVwPAWEo8HYDwx4RHy8LlZgYi1MSELhhUwh8ID3vZ"
GOOGLE = "https://docs.google.com/presentation/d"
SHARE = "https://www.slideshare.net/slideshow"
MP4 = "https://dl.afpy.org/pycon-fr-16/Topic%20Modelling.mp4"


def case(name, *values):
    return pytest.param(*values, id=name)


PIECES = (
    "https:// http:// // / \\ @ : . [ ] ? # & = % %2e .. youtube.com youtu.be vimeo.com noti.st archive.org"
    " slideshare.net speakerdeck.com docs.google.com peer.tube evil.example watch embed video player details"
    " slideshow embed_code key presentation d e w v= t=1h h= .mp4 .webm .pdf 7GI-ohaJfto 271015812 xn-- ü ß"
    " javascript: data: \0 \t \n \u202e \u200b \ud800 <iframe </iframe> <script <p src= data-id= data-notist="
    " srcdoc= onload= \" ' > &lt; &quot; &#0; <!-- --> <![ <![CDATA[ ca752bab13514a9086ef3788f4c65676"
).split(" ")
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=14).map("".join)


VIDEOS = [
    case("YouTube page", YT, YT, YT_SRC),
    case("YouTube without www", "https://youtube.com/watch?v=7GI-ohaJfto", YT, YT_SRC),
    case("YouTube over http", "http://www.youtube.com/watch?v=7GI-ohaJfto", YT, YT_SRC),
    case("YouTube in capitals", "HTTPS://WWW.YOUTUBE.COM/watch?v=7GI-ohaJfto", YT, YT_SRC),
    case("YouTube with its port", "https://www.youtube.com:443/watch?v=7GI-ohaJfto", YT, YT_SRC),
    case("YouTube with a dot", "https://www.youtube.com./watch?v=7GI-ohaJfto", YT, YT_SRC),
    case("YouTube short link", "https://youtu.be/7GI-ohaJfto", YT, YT_SRC),
    case("YouTube short link with tracking", "https://youtu.be/7GI-ohaJfto?si=x_y-z", YT, YT_SRC),
    case("YouTube embed", "https://www.youtube.com/embed/7GI-ohaJfto?rel=0", YT, YT_SRC),
    case("YouTube without cookies", YT_SRC, YT, YT_SRC),
    case("YouTube short", "https://www.youtube.com/shorts/7GI-ohaJfto", YT, YT_SRC),
    case("YouTube live", "https://www.youtube.com/live/7GI-ohaJfto?feature=share", YT, YT_SRC),
    case("YouTube from the days of Flash", "https://www.youtube.com/v/7GI-ohaJfto", YT, YT_SRC),
    case("YouTube on a phone", "https://m.youtube.com/watch?v=7GI-ohaJfto", YT, YT_SRC),
    case("YouTube Music", "https://music.youtube.com/watch?v=7GI-ohaJfto", YT, YT_SRC),
    case("YouTube within a playlist", f"{YT}&list=PLxyz&index=3", YT, YT_SRC),
    case("YouTube with the video last", "https://www.youtube.com/watch?list=x&v=7GI-ohaJfto", YT, YT_SRC),
    case("YouTube with start in units", f"{YT}&t=1h2m3s", f"{YT}&t=3723s", f"{YT_SRC}?start=3723"),
    case("YouTube with start in seconds",
         "https://youtu.be/7GI-ohaJfto?t=90", f"{YT}&t=90s", f"{YT_SRC}?start=90"),
    case("YouTube with start of an embed", f"{YT_SRC}?start=90&end=99", f"{YT}&t=90s", f"{YT_SRC}?start=90"),
    case("YouTube with start in the fragment", f"{YT}#t=2m", f"{YT}&t=120s", f"{YT_SRC}?start=120"),
    case("YouTube with a start of nonsense", f"{YT}&t=soon", YT, YT_SRC),
    case("YouTube with an endless start", f"{YT}&t={'9' * 99}", YT, YT_SRC),
    case("Vimeo", "https://vimeo.com/271015812", "https://vimeo.com/271015812",
         "https://player.vimeo.com/video/271015812?dnt=1"),
    case("Vimeo channel", "https://vimeo.com/channels/staffpicks/271015812", "https://vimeo.com/271015812",
         "https://player.vimeo.com/video/271015812?dnt=1"),
    case("Vimeo group", "https://vimeo.com/groups/python/videos/271015812", "https://vimeo.com/271015812",
         "https://player.vimeo.com/video/271015812?dnt=1"),
    case("Vimeo showcase", "https://vimeo.com/showcase/12/video/271015812", "https://vimeo.com/271015812",
         "https://player.vimeo.com/video/271015812?dnt=1"),
    case("Vimeo player", "https://player.vimeo.com/video/271015812?badge=0", "https://vimeo.com/271015812",
         "https://player.vimeo.com/video/271015812?dnt=1"),
    case("Vimeo unlisted page", "https://vimeo.com/791813674/2c9cfc5030", "https://vimeo.com/791813674/2c9cfc5030",
         "https://player.vimeo.com/video/791813674?h=2c9cfc5030&dnt=1"),
    case("Vimeo unlisted player", "https://player.vimeo.com/video/791813674?h=2c9cfc5030",
         "https://vimeo.com/791813674/2c9cfc5030", "https://player.vimeo.com/video/791813674?h=2c9cfc5030&dnt=1"),
    case("Vimeo with start", "https://vimeo.com/271015812#t=1m30s", "https://vimeo.com/271015812#t=90s",
         "https://player.vimeo.com/video/271015812?dnt=1#t=90s"),
    case("PeerTube short id", f"https://peer.tube/w/{SHORT}", f"https://peer.tube/w/{SHORT}",
         f"https://peer.tube/videos/embed/{SHORT}"),
    case("PeerTube long id", f"https://peer.tube/videos/watch/{UUID}", f"https://peer.tube/videos/watch/{UUID}",
         f"https://peer.tube/videos/embed/{UUID}"),
    case("PeerTube embed with start", f"https://video.example.org/videos/embed/{UUID}?start=1m2s&title=0",
         f"https://video.example.org/videos/watch/{UUID}?start=62",
         f"https://video.example.org/videos/embed/{UUID}?start=62"),
    case("archive.org page", "https://archive.org/details/pyvideo_3556___PythonPowered",
         "https://archive.org/details/pyvideo_3556___PythonPowered",
         "https://archive.org/embed/pyvideo_3556___PythonPowered"),
    case("archive.org with www", "http://www.archive.org/details/abc", "https://archive.org/details/abc",
         "https://archive.org/embed/abc"),
    case("archive.org embed as the site writes it", "https://archive.org/embed/abc&playlist=1",
         "https://archive.org/details/abc", "https://archive.org/embed/abc"),
    case("archive.org file", "https://archive.org/details/abc/6%20A%20Lightning.mp4?start=90",
         "https://archive.org/details/abc/6%20A%20Lightning.mp4?start=90",
         "https://archive.org/embed/abc/6%20A%20Lightning.mp4?start=90"),
    case("archive.org download", "https://archive.org/download/abc/talk.ogv", "https://archive.org/details/abc/talk.ogv",
         "https://archive.org/embed/abc/talk.ogv"),
    case("mp4", MP4, MP4, MP4),
    case("webm with a query", "https://cdn.example.org/a.WEBM?x=1", "https://cdn.example.org/a.WEBM?x=1",
         "https://cdn.example.org/a.WEBM?x=1"),
    case("mp4 on a port", "https://cdn.example.org:8443/a.mp4", "https://cdn.example.org:8443/a.mp4",
         "https://cdn.example.org:8443/a.mp4"),
]  # fmt: skip

SLIDES = [
    case("Speaker Deck player",
         f"https://speakerdeck.com/player/{HASH}?", f"https://speakerdeck.com/player/{HASH}",
         f"https://speakerdeck.com/player/{HASH}"),
    case("SlideShare by key",
         f"{SHARE}/embed_code/key/fRg05TpkEwlzD9", f"{SHARE}/embed_code/key/fRg05TpkEwlzD9",
         f"{SHARE}/embed_code/key/fRg05TpkEwlzD9"),
    case("SlideShare by number", "http://slideshare.net/slideshow/embed_code/14734059?startSlide=1",
         f"{SHARE}/embed_code/14734059", f"{SHARE}/embed_code/14734059"),
    case("SlideShare page with a number", "https://es.slideshare.net/slideshow/introduction/14734059",
         f"{SHARE}/introduction/14734059", f"{SHARE}/embed_code/14734059"),
    case("Google Slides editor", f"{GOOGLE}/{DECK}/edit?usp=sharing#slide=id.p", f"{GOOGLE}/{DECK}/edit",
         f"{GOOGLE}/{DECK}/embed"),
    case("Google Slides preview",
         f"{GOOGLE}/{DECK}/preview", f"{GOOGLE}/{DECK}/edit", f"{GOOGLE}/{DECK}/embed"),
    case("Google Slides bare", f"{GOOGLE}/{DECK}", f"{GOOGLE}/{DECK}/edit", f"{GOOGLE}/{DECK}/embed"),
    case("Google Slides of a second account", f"https://docs.google.com/presentation/u/1/d/{DECK}/edit",
         f"{GOOGLE}/{DECK}/edit", f"{GOOGLE}/{DECK}/embed"),
    case("Google Slides of a company", f"https://docs.google.com/a/example.org/presentation/d/{DECK}/pub",
         f"{GOOGLE}/{DECK}/edit", f"{GOOGLE}/{DECK}/embed"),
    case("Google Slides with a resource key", f"{GOOGLE}/{DECK}/edit?resourcekey=0-aB_c",
         f"{GOOGLE}/{DECK}/edit?resourcekey=0-aB_c", f"{GOOGLE}/{DECK}/embed?resourcekey=0-aB_c"),
    case("Google Slides published", f"{GOOGLE}/e/{PUBLISHED}/pub?start=false", f"{GOOGLE}/e/{PUBLISHED}/pub",
         f"{GOOGLE}/e/{PUBLISHED}/embed"),
    case("Google Slides published embed", f"{GOOGLE}/e/{PUBLISHED}/pubembed?loop=false",
         f"{GOOGLE}/e/{PUBLISHED}/pub", f"{GOOGLE}/e/{PUBLISHED}/embed"),
    case("Notist", "https://noti.st/mattstratton/jLwszn", "https://noti.st/mattstratton/jLwszn",
         "https://noti.st/mattstratton/jLwszn/embed"),
    case("Notist with a title", "https://noti.st/mattstratton/jLwszn/blameless-postmortems",
         "https://noti.st/mattstratton/jLwszn", "https://noti.st/mattstratton/jLwszn/embed"),
    case("Notist embed", "https://noti.st/mattstratton/jLwszn/embed", "https://noti.st/mattstratton/jLwszn",
         "https://noti.st/mattstratton/jLwszn/embed"),
]  # fmt: skip

CODES = [
    case("YouTube", "video", YT_SRC, f"""<iframe width="560" height="315" src="{YT_SRC}?si=abc" title=""
         frameborder="0" allow="autoplay" referrerpolicy="no-referrer" allowfullscreen></iframe>"""),
    case("YouTube without a scheme", "video", YT_SRC,
         "<iframe src='//www.youtube.com/embed/7GI-ohaJfto'></iframe>"),
    case("YouTube with entities", "video", f"{YT_SRC}?start=9",
         '<IFRAME SRC="https://youtube.com/watch?list=x&amp;v=7GI-ohaJfto&amp;t=9">'),
    case("Vimeo and its links", "video", "https://player.vimeo.com/video/195975354?h=dee66404ac&dnt=1",
         '<div style="padding:56% 0 0"><iframe src="https://player.vimeo.com/video/195975354?h=dee66404ac&amp;badge=0">'
         '</iframe></div><script src="https://player.vimeo.com/api/player.js"></script>'
         '<p><a href="https://vimeo.com/1">x</a></p>'),
    case("PeerTube", "video", f"https://peer.tube/videos/embed/{UUID}",
         f'<iframe title="x" sandbox="allow-scripts" src="https://peer.tube/videos/embed/{UUID}"></iframe>'),
    case("archive.org", "video", "https://archive.org/embed/abc",
         '<iframe src="https://archive.org/embed/abc" />'),
    case("Speaker Deck frame", "slides", f"https://speakerdeck.com/player/{HASH}",
         f'<iframe class="speakerdeck" src="//speakerdeck.com/player/{HASH}?slide=2" style="x"></iframe>'),
    case("Speaker Deck script", "slides", f"https://speakerdeck.com/player/{HASH}",
         f'<script async class="speakerdeck-embed" data-id="{HASH}" '
         'src="//speakerdeck.com/assets/embed.js"></script>'),
    case("SlideShare and its links", "slides", f"{SHARE}/embed_code/key/fRg05TpkEwlzD9",
         '<iframe src="//www.slideshare.net/slideshow/embed_code/key/fRg05TpkEwlzD9" width="595"> </iframe>'
         '<div><strong><a href="//www.slideshare.net/a/b" target="_blank">x</a></strong></div>'),
    case("Google Slides", "slides", f"{GOOGLE}/e/{PUBLISHED}/embed",
         f'<iframe src="{GOOGLE}/e/{PUBLISHED}/pubembed?start=false&amp;loop=false"></iframe>'),
    case("Notist", "slides", "https://noti.st/mattstratton/jLwszn/embed",
         '<p data-notist="mattstratton/jLwszn">View <a href="https://x.example">it</a>.</p>'
         '<script async src="https://on.notist.cloud/embed/002.js"></script>'),
    case("handlers thrown away", "video", YT_SRC,
         f'<iframe onload="alert(1)" srcdoc="<script>alert(1)</script>" src="{YT_SRC}" style="top:0">'),
    case("what stands around it thrown away", "video", YT_SRC,
         f'<script>alert(1)</script><img src=x onerror=alert(1)><iframe src={YT_SRC}></iframe><b>'),
    case("of two addresses the first", "video", YT_SRC, f'<iframe src="{YT_SRC}" src="https://vimeo.com/1"></iframe>'),
]  # fmt: skip


def shape(html):
    """What a browser would make of it: (element, attributes) in their order."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.append((tag, dict(attrs)))
    parser.handle_data = lambda text: found.append(("text", text))
    parser.feed(str(html))
    parser.close()
    return found


def assert_ours(made, title):
    """That a player's element is one iframe or video, with our attributes, from a host we know."""
    (tag, attributes), *inner = shape(made.html(title))
    if made.kind == "iframe":
        assert not inner and tag == "iframe"
        assert set(attributes) - {"allow"} == {
            "src", "title", "loading", "referrerpolicy", "sandbox", "allowfullscreen"
        }  # fmt: skip
        assert attributes["src"] == made.src and made.origin in frame_hosts(PEERTUBE)
        assert not set(attributes["sandbox"].split()) & {
            "allow-top-navigation",
            "allow-forms",
            "allow-modals",
        }
    else:
        assert tag == "video" and set(attributes) == {"controls", "preload", "aria-label"}
        ((source, given),) = inner
        assert source == "source" and given == {"src": made.src, "type": made.mime}
        assert made.src.startswith("https://")
    assert attributes.get("title", attributes.get("aria-label")) == (title.strip() or made.provider)
    assert made.src.startswith(f"{made.origin}/")


@pytest.mark.parametrize(("text", "page", "src"), VIDEOS)
def test_video_addresses_become_players(text, page, src):
    found = recognise(text, "video", PEERTUBE)
    assert (found.address, found.player.src, found.player.shows) == (page, src, "video")
    assert player(text, PEERTUBE) == player(page, PEERTUBE, "video") == found.player
    assert player(page, PEERTUBE, "slides") is None
    assert_ours(found.player, 'A "title" <b>')


@pytest.mark.parametrize(("text", "page", "src"), SLIDES)
def test_slides_addresses_become_players(text, page, src):
    found = recognise(text, "slides")
    assert (found.address, found.player.src, found.player.shows) == (page, src, "slides")
    assert player(text) == player(page, kind="slides") == found.player
    assert player(page, kind="video") is None
    assert_ours(found.player, "")


@pytest.mark.parametrize(("kind", "src", "code"), CODES)
def test_embed_codes_become_players(kind, src, code):
    assert recognise(code, kind, PEERTUBE).player.src == src


@pytest.mark.parametrize(("text", "page"), [
    case("Speaker Deck page", "https://speakerdeck.com/jmortega/python-cryptography", None),
    case("old Speaker Deck page", "https://speakerdeck.com/u/mitsuhiko/p/flask", None),
    case("SlideShare page", "http://www.slideshare.net/erral/python-gure-etxean", None),
    case("SlideShare page in French", "https://fr.slideshare.net/nnja/pycon-2015", None),
])  # fmt: skip
def test_a_page_without_a_player_id_is_a_link_with_a_hint(text, page):
    found = recognise(text, "slides")
    assert (found.address, found.player) == (page or text, None)
    assert "embed code" in found.hint
    assert player(text) is None


@pytest.mark.parametrize("text", ["https://example.org/a.pdf", "http://example.org/A.PDF?x=1",
                                  "https://archive.org/download/abc/slides.pdf"])  # fmt: skip
def test_a_pdf_is_a_link_in_the_slides_field(text):
    assert recognise(text, "slides").address == text
    assert player(text) is None


LOOKALIKES = [
    case("a longer host", "https://www.youtube.com.evil.example/watch?v=7GI-ohaJfto"),
    case("a host with something in front", "https://evilyoutube.com/watch?v=7GI-ohaJfto"),
    case("an unknown subdomain", "https://evil.youtube.com/watch?v=7GI-ohaJfto"),
    case("a hyphen for the dot", "https://www-youtube.com/watch?v=7GI-ohaJfto"),
    case("the host as a user", "https://www.youtube.com@evil.example/watch?v=7GI-ohaJfto"),
    case("the host as user and password", "https://www.youtube.com:443@evil.example/watch?v=7GI-ohaJfto"),
    case("the host in the path", "https://evil.example/www.youtube.com/watch?v=7GI-ohaJfto"),
    case("the address in the query", f"https://evil.example/?{YT}"),
    case("the address in the fragment", f"https://evil.example/#{YT}"),
    case("a Cyrillic letter", "https://www.yоutube.com/watch?v=7GI-ohaJfto"),
    case("a Cyrillic letter in Punycode", "https://www.xn--yutube-wqf.com/watch?v=7GI-ohaJfto"),
    case("full-width letters", "https://ｗｗｗ.youtube.com/watch?v=7GI-ohaJfto"),
    case("an ideographic dot", "https://www.youtube。com/watch?v=7GI-ohaJfto"),
    case("another port", "https://www.youtube.com:8443/watch?v=7GI-ohaJfto"),
    case("IPv4", "https://127.0.0.1/watch?v=7GI-ohaJfto"),
    case("IPv6", "https://[::1]/watch?v=7GI-ohaJfto"),
    case("a file on IPv6", "https://[::1]/a.mp4"),
    case("a file on IPv4", "https://127.0.0.1/a.mp4"),
    case("a file on a host without dots", "https://localhost/a.mp4"),
    case("a file over http", "http://example.org/a.mp4"),
    case("a file of another type", "https://example.org/a.mkv"),
    case("a file name in the query", "https://example.org/logout?a.mp4"),
    case("an id of ten letters", "https://youtu.be/7GI-ohaJft"),
    case("an id of twelve letters", "https://youtu.be/7GI-ohaJftoo"),
    case("an id with a line break escaped", "https://youtu.be/7GI-ohaJft%0A"),
    case("an id with a quote", 'https://youtu.be/7GI-ohaJf"x'),
    case("a YouTube playlist", "https://www.youtube.com/embed/videoseries?list=PLxyz"),
    case("a YouTube live stream of a channel", "https://www.youtube.com/embed/live_stream?channel=x"),
    case("a YouTube channel", "https://www.youtube.com/@pycon"),
    case("a YouTube redirect", "https://www.youtube.com/redirect?q=https://evil.example/"),
    case("a Vimeo person", "https://vimeo.com/pycon"),
    case("a Vimeo key with a quote", 'https://player.vimeo.com/video/1?h=%22onload'),
    case("PeerTube elsewhere", f"https://other.tube/w/{SHORT}"),
    case("a PeerTube channel", "https://peer.tube/c/pycon"),
    case("a PeerTube id with dots", "https://peer.tube/videos/embed/../../logout"),
    case("an archive.org person", "https://archive.org/details/@ada"),
    case("archive.org upwards", "https://archive.org/details/abc/%2e%2E/x.mp4"),
    case("an archived page", "https://web.archive.org/web/2012/http://evil.example/"),
    case("JavaScript", "javascript:alert('https://youtu.be/7GI-ohaJfto')"),
    case("data", "data:text/html,https://youtu.be/7GI-ohaJfto"),
    case("VBScript", "vbscript:https://youtu.be/7GI-ohaJfto"),
    case("words around the address", f"see {YT}"),
    case("two addresses", f"{YT} {YT}"),
    case("JavaScript in a frame", '<iframe src="javascript:alert(1)"></iframe>'),
    case("JavaScript in a frame as entities", '<iframe src="&#106;avascript:alert(1)"></iframe>'),
    case("JavaScript in a frame with a tab", '<iframe src="java\tscript:alert(1)"></iframe>'),
    case("data in a frame", '<iframe src="data:text/html,<script>alert(1)</script>"></iframe>'),
    case("a frame of somebody else", '<iframe src="https://evil.example/embed/7GI-ohaJfto"></iframe>'),
    case("a frame with srcdoc only", f'<iframe srcdoc="<iframe src={YT_SRC}></iframe>"></iframe>'),
    case("a frame without an address", "<iframe></iframe>"),
    case("a frame as entities", f"&lt;iframe src=&quot;{YT_SRC}&quot;&gt;"),
    case("a frame in a comment", f'<!-- <iframe src="{YT_SRC}"></iframe> -->'),
    case("a frame in a frame", f'<iframe src="{YT_SRC}"><iframe src="https://evil.example/"></iframe></iframe>'),
    case("two frames", f'<iframe src="{YT_SRC}"></iframe><iframe src="{YT_SRC}"></iframe>'),
    case("a frame that never ends", f'<iframe src="{YT_SRC}'),
    case("an image", f'<img src="{YT_SRC}">'),
    case("an object", f'<object data="{YT_SRC}"></object>'),
    case("an embed element", f'<embed src="{YT_SRC}">'),
    case("a link", f'<a href="{YT}">video</a>'),
    case("a meta refresh", f'<meta http-equiv="refresh" content="0;url={YT}">'),
    case("somebody else's script", f'<script data-id="{HASH}" src="https://evil.example/assets/embed.js"></script>'),
    case("Speaker Deck's script with a path for id",
         '<script data-id="../../logout" src="//speakerdeck.com/assets/embed.js"></script>'),
    case("a declaration that is none", "<![a[x"),
    case("an angle bracket", "<"),
    case("NUL", "\0"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["video", "slides"])
@pytest.mark.parametrize("text", LOOKALIKES)
def test_lookalikes_get_nowhere(text, kind):
    assert player(text, PEERTUBE) is None
    with pytest.raises(Refused, match="Accepted: .+\\."):
        recognise(text, kind, PEERTUBE)


@pytest.mark.parametrize(("text", "wrong", "message"), [
    case("YouTube in slides", YT, "slides", "That is video (YouTube): give it in the video field."),
    case("a video file in slides", MP4, "slides", "That is video (dl.afpy.org): give it in the video field."),
    case("archive.org in slides", "https://archive.org/details/abc", "slides",
         "That is video (archive.org): give it in the video field."),
    case("Notist in video", "https://noti.st/a/b", "video",
         "That is slides (Notist): give it in the slides field."),
    case("a deck's page in video", "https://speakerdeck.com/a/b", "video",
         "That is slides (Speaker Deck): give it in the slides field."),
    case("a PDF in video", "https://example.org/a.pdf", "video",
         "That is slides (.pdf file): give it in the slides field."),
    case("a video file over http", "http://example.org/a.mp4", "video", "only from an address beginning with https://"),
])  # fmt: skip
def test_a_refusal_says_what_to_do(text, wrong, message):
    with pytest.raises(Refused) as refusal:
        recognise(text, wrong)
    assert message in str(refusal.value)


@pytest.mark.parametrize("kind", ["video", "slides"])
def test_a_refusal_lists_what_is_accepted(kind):
    with pytest.raises(Refused) as refusal:
        recognise("nonsense", kind, PEERTUBE)
    assert all(name in str(refusal.value) for name in providers(kind, PEERTUBE))


@pytest.mark.parametrize(
    "text", ["a" * (MAX_PASTED + 1), "<a b " * 2_000, "<iframe " * 1_250, "<!--" * 2_500]
)
def test_what_is_too_much_is_not_even_parsed(text, monkeypatch):
    monkeypatch.setattr(HTMLParser, "feed", lambda *_: pytest.fail("parsed"))
    with pytest.raises(Refused):
        recognise(text, "video")


def test_peertube_is_named_with_its_hosts_or_not_at_all():
    assert "PeerTube (peer.tube, video.example.org)" in providers("video", PEERTUBE)
    assert not any("PeerTube" in name for name in providers("video"))


@pytest.mark.parametrize(
    "host", ["", "evil.example/path", "a;script-src *", "a b", "user@host.example", "*", "*.tube"]
)
def test_a_setting_that_names_no_host_adds_none(host):
    assert frame_hosts([host]) == frame_hosts()


def test_a_player_starts_at_once_only_when_asked():
    made = player("https://vimeo.com/271015812#t=90s")
    waiting, playing = shape(made.html("a"))[0][1], shape(made.html("a", autoplay=True))[0][1]
    assert "autoplay" not in waiting["src"] + waiting["allow"]
    assert playing["src"] == "https://player.vimeo.com/video/271015812?dnt=1&autoplay=1#t=90s"
    assert "autoplay" in playing["allow"]


def test_a_video_file_starts_at_once_only_when_asked():
    assert "autoplay" not in shape(player(MP4).html("a"))[0][1]
    assert "autoplay" in shape(player(MP4).html("a", autoplay=True))[0][1]


def test_slides_need_no_permission_at_all():
    assert "allow" not in shape(player("https://noti.st/a/b").html("a", autoplay=True))[0][1]


def test_youtube_is_told_where_it_plays():
    assert shape(player(YT).html("a"))[0][1]["referrerpolicy"] == "strict-origin-when-cross-origin"


@given(HOSTILE | st.text(), st.sampled_from(["video", "slides"]), st.text(max_size=20))
@example("https://noti.st/a/b", "slides", '"><script>alert(1)</script>')
@example(MP4, "video", "' onload='alert(1)")
def test_whatever_goes_in_only_our_own_player_comes_out(text, kind, title):
    try:
        found = recognise(text, kind, PEERTUBE)
    except Refused:
        return
    assert web_address(found.address) == found.address
    assert recognise(found.address, kind, PEERTUBE) == found
    assert player(found.address, PEERTUBE) == found.player
    if found.player:
        assert found.player.shows == kind
        (element, *_) = shape(found.player.html(title))
        assert element[0] in ("iframe", "video") and not any(name.startswith("on") for name in element[1])
        if not set(title) & set("\r\0"):  # parsers turn those into others
            assert_ours(found.player, title)


KNOWN = [text for text, *_ in (param.values for param in VIDEOS + SLIDES)]


@given(st.sampled_from(KNOWN), st.data())
def test_a_known_address_with_one_character_changed_is_still_ours_or_nothing(known, data):
    place = data.draw(st.integers(0, len(known)))
    text = known[:place] + data.draw(st.characters()) + known[place + data.draw(st.integers(0, 1)) :]
    made = player(text, PEERTUBE)
    if made:
        assert_ours(made, "title")
        assert player(made.page, PEERTUBE) == made
