"""Markdown as safe HTML: what is drawn, what is linked, what is escaped, what is not even tried."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from bleach.html5lib_shim import HTMLParser, getTreeWalker
from hypothesis import example, given
from hypothesis import strategies as st
from markdown import Markdown

from talks import markup
from talks.embeds import web_address
from talks.markup import LIMIT, plain, render, render_page

REL = 'rel="nofollow ugc noopener"'
DRAWN = {
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "kbd",
    "li",
    "ol",
}
DRAWN |= {"p", "pre", "strong", "sub", "sup", "ul"}


def case(name, *values):
    return pytest.param(*values, id=name)


def link(address, text=None):
    return f'<a href="{address}" {REL}>{text or address}</a>'


@pytest.fixture
def no_markdown(monkeypatch):
    """Markdown must not be started."""
    monkeypatch.setattr(Markdown, "convert", lambda *_: pytest.fail("Markdown was started"))


@pytest.mark.parametrize(("text", "html"), [
    case("nothing", "", ""),
    case("blanks", " \n\t\n ", ""),
    case("a paragraph", "Hello", "<p>Hello</p>"),
    case("two paragraphs", "One\ntwo\n\nthree", "<p>One\ntwo</p>\n<p>three</p>"),
    case("emphasis", "*a* **b** _c_", "<p><em>a</em> <strong>b</strong> <em>c</em></p>"),
    case("a name with underscores", "test_it_works", "<p>test_it_works</p>"),
    case("lists", "- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
    case("a list that begins at 3", "3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
    case("a list that begins nowhere", '<ol start="1e9"><li>a</li></ol>', "<ol><li>a</li></ol>"),
    case("a quotation", "> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
    case("code", "`a < b`", "<p><code>a &lt; b</code></p>"),
    case("fenced code", "```python\na = 1\n```", "<pre><code>a = 1\n</code></pre>"),
    case("the first heading is the third", "# a", "<h3>a</h3>"),
    case("headings end at the sixth", "##### a", "<h6>a</h6>"),
    case("headings in HTML too", "<h2>a</h2>", "<h4>a</h4>"),
    case("no tables", "a | b\n--- | ---\n1 | 2", "<p>a | b\n--- | ---\n1 | 2</p>"),
    case("an image is a link", "![cat](https://e.org/c.png)", f"<p>{link('https://e.org/c.png', 'cat')}</p>"),
    case("an image in HTML is text", "<img src=x>", "<p>&lt;img src=x&gt;</p>"),
    case("types of a language", "a List<int> <T>", "<p>a List&lt;int&gt; &lt;T&gt;</p>"),
    case("allowed HTML", "a <b>c</b>", "<p>a <b>c</b></p>"),
    case("attributes dropped", '<b style="x" onclick="y" class="z">c</b>', "<p><b>c</b></p>"),
    case("ampersands", "R&D &copy; AT&T", "<p>R&amp;D &copy; AT&amp;T</p>"),
    case("Windows line ends", "a\r\nb\r\rc", "<p>a\nb</p>\n<p>c</p>"),
    case("control characters gone", "a\0b\x1bc\x7fd\x85e", "<p>abcde</p>"),
    case("turned text turned back", "a\u202eb\u2066c", "<p>abc</p>"),
    case("half a pair gone", "a\ud800b", "<p>ab</p>"),
    case("emoji kept", "a 🐍 b", "<p>a 🐍 b</p>"),
    case("right-to-left marks kept", "שלום\u200f!", "<p>שלום\u200f!</p>"),
])  # fmt: skip
def test_text_becomes_html(text, html):
    assert render(text) == html


SEE = "https://example.org/a"


@pytest.mark.parametrize(("text", "html"), [
    case("bare", f"see {SEE}", f"see {link(SEE)}"),
    case("at the end of a sentence", f"see {SEE}.", f"see {link(SEE)}."),
    case("in brackets", f"(see {SEE})", f"(see {link(SEE)})"),
    case("with brackets of its own", f"(see {SEE}_(b))", f"(see {link(SEE + '_(b)')})"),
    case("in quotes", f'"{SEE}"', f'"{link(SEE)}"'),
    case("with ampersands", f"{SEE}?b=1&copy=2", link(f"{SEE}?b=1&amp;copy=2")),
    case("shown as typed",
         "HTTPS://Bücher.example", link("https://xn--bcher-kva.example", "HTTPS://Bücher.example")),
    case("beside emphasis", f"*a* {SEE}", f"<em>a</em> {link(SEE)}"),
    case("within emphasis", f"*{SEE}*", f"<em>{link(SEE)}</em>"),
    case("not within code", f"`{SEE}`", f"<code>{SEE}</code>"),
    case("not within a link", f"[{SEE}]({SEE})", link(SEE)),
    case("not within a link in HTML", f'<a href="{SEE}">https://b.example</a>', link(SEE, "https://b.example")),
    case("not within a word", f"x{SEE}", f"x{SEE}"),
    case("not a host alone", "www.example.org README.md", "www.example.org README.md"),
    case("not another scheme", "ftp://e.org javascript:alert(1)", "ftp://e.org javascript:alert(1)"),
    case("not what is no address", "https://user@evil.example http://", "https://user@evil.example http://"),
    case("an address of Markdown", f"<{SEE}>", link(SEE)),
    case("a link", f"[b]({SEE})", link(SEE, "b")),
    case("a link with title", f'[b]({SEE} "c")', link(SEE, "b")),
    case("a link by reference", f"[b][1]\n\n[1]: {SEE}", link(SEE, "b")),
    case("a mail address", "[b](mailto:ada@example.org)", link("mailto:ada@example.org", "b")),
    case("a mail address without copies", "[b](mailto:ada@e.org?cc=b@e.org)", link("mailto:ada@e.org", "b")),
    case("a link within the site", "[b](/auth/logout)", "b"),
    case("a link without scheme", "[b](//evil.example)", "b"),
    case("JavaScript", "[b](javascript:alert(1))", "b"),
    case("JavaScript as entities", "[b](&#106;avascript:alert)", "b"),
    case("JavaScript with a tab", '<a href="java&#9;script:alert(1)">b</a>', "b"),
    case("data", "[b](data:text/html,x)", "b"),
    case("user and host", "[b](https://youtube.com@evil.example)", "b"),
    case("backslashes", '<a href="https:/\\evil.example">b</a>', "b"),
    case("handlers", f'<a href="{SEE}" onclick="x" target="_top" rel="opener">b</a>', link(SEE, "b")),
    case("a quote in the address", f"<a href='{SEE}\"onclick=\"'>b</a>", link(f"{SEE}%22onclick=%22", "b")),
])  # fmt: skip
def test_only_absolute_web_and_mail_addresses_become_links(text, html):
    assert render(text) == f"<p>{html}</p>"


@pytest.mark.parametrize("text", [
    case("a script", "<script>alert(1)</script>"),
    case("a script within a script", "<scr<script>ipt>alert(1)</script>"),
    case("an image with a handler", "<img src=x onerror=alert(1)>"),
    case("SVG", "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>x</a></svg>"),
    case("MathML", "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>"),
    case("a frame", "<iframe src=https://e.org></iframe>"),
    case("a style", "<style>*{color:red}</style><p style=color:red>x"),
    case("a form", "<form action=https://e.org><input name=password></form>"),
    case("a base", "<base href=https://evil.example>"),
    case("a comment", "<!-- x --> <!--[if IE]><script>alert(1)</script><![endif]-->"),
    case("a comment that never ends", "<!-- <script>alert(1)</script>"),
    case("a tag that never ends", "a <b <a href='"),
    case("a noscript", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>"),
    case("code that ends early", "```\n</code></pre><script>alert(1)</script>\n```"),
    case("a placeholder of Markdown", "\x02wzxhzdk:0\x03 *a* `b`"),
])  # fmt: skip
def test_hostile_html_is_escaped(text):
    assert_safe(render(text))
    assert_safe(render_page(text), site=True)


def elements(html):
    """Every element a browser would see: (name, attributes)."""
    tree = HTMLParser(namespaceHTMLElements=False).parseFragment(html)
    for token in getTreeWalker("etree")(tree):
        if token["type"] in ("StartTag", "EmptyTag"):
            yield token["name"], {name: value for (_, name), value in token["data"].items()}
        assert token["type"] != "Comment"


def assert_safe(html, site=False):
    for name, attributes in elements(html):
        assert name in (DRAWN | {"h2"} if site else DRAWN)
        if name == "a":
            href = attributes.pop("href")
            assert href.startswith("mailto:") or web_address(href) == href or (site and href[0] in "/#")
            assert attributes == ({} if site else {"rel": "nofollow ugc noopener"})
        elif name == "ol":
            assert set(attributes) <= {"start"}
        else:
            assert not attributes


PIECES = (
    "a|b c|\n|\n\n|    |- |1. |> |# |***|_|`|```\n|[|](|]: |][|)|![|<|>|</|<a href=|<b>|</b>|<p>|<pre>|<code>"
    "|</code>|<script>|</script>|<!--|-->|<![CDATA[|<?|<svg>|<math>|<style>|<table>|<td>|'|\"| onload="
    "|javascript:|data:|&|&lt;|&#106;|&#x|\\|https://|http://e.org|//|@|mailto:|ada@e.org|www.|\0|\x02|\x03|\u202e|\ud800"
    "|\u2028|\x85|\u00a0|=|\n===\n|\n---\n|{|}|:|é|🐍|\t|\r|klzzwxh:0001|\x02klzzwxh:0\x03|wzxhzdk:0"
).split("|")
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=20).map("".join)


@given(HOSTILE | st.text())
@example("[a](https://e.org/&quot;)")
def test_whatever_goes_in_only_allowed_elements_come_out(text):
    assert_safe(render(text))
    assert_safe(render_page(text), site=True)


INERT_PIECES = (
    "a|1|12|.| |  |\n|\n\n|\n \n|-|- |--|+|=|==|_|a_b|__|[|]|(|)|: |!|&|&amp|& |;|#|#a|>|~|\"|'|/|?|,|@|%|^"
    "|{|}|$|https://e.org|http://e.org/?a=1&b=2|é|\t|\u00a0|\u2028|\x85|\u200f|1.|&#1|e.g.|*|…|\x1c|\r\n|🐍"
).split("|")
LETTERS = st.text(alphabet=st.characters(exclude_characters="<`*\\"), max_size=6)
INERT = st.lists(st.sampled_from(INERT_PIECES) | LETTERS, max_size=9).map("".join)


@given(INERT | st.text())
@example("a\n\n\n\nb")
@example("a &amp b")
@example("a &#1 b")
@example("[a]\n(b) [c] : d")
@example('(https://e.org/a_(b)) "https://e.org/c".')
def test_text_without_marks_is_the_same_either_way(text):
    text = markup._cleaned(text)
    if not markup.MARKED.search(text):
        assert markup._paragraphs(text) == markup._rendered("people", text)


def test_plain_text_does_not_start_markdown(no_markdown):
    assert render(f"Ada - a [short] talk; see {SEE}.") == f"<p>Ada - a [short] talk; see {link(SEE)}.</p>"


@pytest.mark.parametrize("text", [
    case("open brackets", "[" * LIMIT),
    case("open brackets before text", "*a* " + "[" * 200 + "a" * (LIMIT - 300)),
    case("open images", "![" * (LIMIT // 2) + "*"),
    case("links without an end", "[a](" * (LIMIT // 4)),
    case("references without an end", "[a][" * (LIMIT // 4)),
    case("backticks", "`a " * (LIMIT // 3)),
    case("anchors without an end", "<a " * (LIMIT // 3)),
    case("sections of CDATA", "<![CDATA[" * (LIMIT // 9)),
    case("addresses without an end", "<http://" * (LIMIT // 8)),
    case("underlines of headings", "=\n" * (LIMIT // 2)),
    case("a long list", "\n- " * (LIMIT // 3)),
    case("list in list", "- a\n\n    b\n" * (LIMIT // 11)),
    case("fences", "~~~\n" * (LIMIT // 4)),
    case("stars that end together", "***a*" + "b*" * 9_000 + "**c"),
    case("stars after letters", "b*" * (LIMIT // 2)),
    case("underscores", "_a_ " * (LIMIT // 4)),
    case("paragraphs of stars", ("***a*" + "b*" * 50 + "**c\n\n") * 180),
    case("too long", "*a* " * LIMIT),
])  # fmt: skip
def test_what_would_keep_markdown_busy_is_shown_as_it_is(text, no_markdown):
    html = render(text)
    assert_safe(html)
    assert unescape(re.sub("<[^>]*>", "", html)).split() == text.split()


@pytest.mark.parametrize("mark", ["- ", "> ", "1. ", "<b>", "<blockquote>", "<ul><li>", "**", "_*"])
def test_marks_within_marks_end_somewhere(mark):
    assert_safe(render(mark * 900 + "a"))


def test_blank_lines_beyond_two_never_reach_markdown():
    text = markup._cleaned("*a*" + "\n  " * 9_000 + "\nb")
    assert text == "*a*\n\n\nb"


def test_blank_lines_in_code_are_kept():
    assert render("```\na\n\n\nb\n```") == "<pre><code>a\n\n\nb\n</code></pre>"


def test_a_text_that_went_wrong_spoils_nothing_for_the_next():
    render("- " * 900 + "a")
    assert render("*a*") == "<p><em>a</em></p>"


def test_the_limit_can_be_lowered(no_markdown):
    assert render("*a* *b*", limit=5) == "<p>*a* *b*</p>"


def test_emphasis_in_a_long_text_is_rendered():
    html = render("\n\n".join(["*a* and __b__ in some_name_of_code"] * 200))
    assert html.count("<em>a</em>") == html.count("<strong>b</strong>") == 200


def test_underscores_within_words_are_no_marks_however_many():
    assert render("*a* " + "b_" * 9_000 + "c").startswith("<p><em>a</em> b_b_")


def test_a_text_of_the_greatest_length_is_rendered():
    assert render("*a* ".ljust(LIMIT, "b")).startswith("<p><em>a</em> b")


def test_one_text_leaves_nothing_behind_for_the_next():
    render(f"[a][1]\n\n[1]: {SEE}")
    assert render("[a][1]") == "<p>[a][1]</p>"


def test_threads_do_not_disturb_each_other():
    texts = [f"*{number}* [a]({SEE}/{number}) `{number}`" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(render, texts)) == [render(text) for text in texts]


def test_a_page_of_the_site_has_headings_and_links_of_its_own():
    html = render_page("# Help\n\n[a](/help/talks#new) [b](#c) [d](//evil.example) [e](https://example.org)")
    assert html == (
        '<h2>Help</h2>\n<p><a href="/help/talks#new">a</a> <a href="#c">b</a> d <a href="https://example.org">e</a></p>'
    )


@pytest.mark.parametrize(("text", "length", "line"), [
    case("short text stays", "Hello *Ada*", 20, "Hello Ada"),
    case("lines are joined", "# Hello\n\nAda\n\n- and\n- Bob", 30, "Hello Ada and Bob"),
    case("cut at a word", "Hello dear Ada", 12, "Hello dear…"),
    case("cut without a comma", "Hello, Ada and Bob", 9, "Hello…"),
    case("one long word", "a" * 50, 10, "a" * 9 + "…"),
    case("exactly as long", "Hello", 5, "Hello"),
    case("links as their text", f"see [the page]({SEE})", 40, "see the page"),
    case("tags as text", "List<int> &amp; <script>", 40, "List<int> & <script>"),
    case("nothing", "", 40, ""),
])  # fmt: skip
def test_a_summary_is_one_line_of_plain_text(text, length, line):
    assert plain(text, length) == line


@pytest.mark.parametrize(("text", "beginning"), [
    case("paragraphs are joined", "One *word*.\n\nTwo.", "One word. Two."),
    case("code ends it", "Look:\n\n```\nx = 1\n```\n\nSo.", "Look:"),
    case("a list ends it", "Two things:\n\n- one\n- two", "Two things:"),
    case("a list alone is taken", "- one\n- two", "one two"),
    case("marks are text", "1 < 2 & 3", "1 < 2 & 3"),
    case("a table is its words", "| a | *b* |\n| --- | :-: |\n| 1 | 2 |\n\nSo x | y.", "a b 1 2 So x | y."),
    case("a table needs no bars at its ends", "a | b\n---|---\n1 | 2", "a b 1 2"),
    case("bars alone are no table", "if a | b\nor | c", "if a | b or | c"),
    case("nothing", "", ""),
])  # fmt: skip
def test_a_text_begins_with_its_first_paragraphs(text, beginning):
    assert markup.beginning(render(text)) == beginning


@given(HOSTILE | st.text(), st.integers(1, 60))
def test_a_beginning_is_never_longer_than_asked(text, length):
    assert len(markup.beginning(render(text), length)) <= length


@given(HOSTILE | st.text(), st.integers(1, 60))
def test_a_summary_is_never_longer_than_asked(text, length):
    line = plain(text, length)
    assert len(line) <= length and "\n" not in line
