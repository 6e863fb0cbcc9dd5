import gzip
import os
import re
from multiprocessing import get_context

import brotli
import pytest

from talks.layers.assets import KEPT_SECONDS, Assets, BrokenSource, UnknownAsset

DAY = KEPT_SECONDS


class Site:
    """A source folder, built with a clock that stands."""

    def __init__(self, folder):
        self.source, self.target, self.now = folder / "source", folder / "target", 1_700_000_000
        self.source.mkdir()

    def write(self, **files):
        """Files by name: "__" stands for "/" and the last "_" for the dot of the suffix."""
        for name, content in files.items():
            self.put(".".join(name.replace("__", "/").rsplit("_", 1)), content)

    def put(self, name, content):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def build(self):
        return Assets(self.source, self.target, clock=lambda: self.now)

    def built(self, name):
        """What was built of `name`, as text."""
        return (self.target / self.build().built[name]).read_text()

    def names(self):
        paths = (path for path in self.target.rglob("*") if path.is_file())
        return sorted(
            re.sub(r"\.[0-9a-f]{10}", "", path.name) for path in paths if path.name != "in-use.json"
        )


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


# Names


def test_the_address_holds_ten_digits_of_the_contents_hash(site):
    site.write(css__card_css="a {}")

    assert re.fullmatch(r"/static/css/card\.[0-9a-f]{10}\.css", site.build().url("css/card.css"))


def test_another_content_has_another_address(site):
    site.write(a_css="a {}")
    before = site.build().url("a.css")
    site.write(a_css="b {}")

    assert site.build().url("a.css") != before


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(UnknownAsset, match="no static file 'site.cs'; did you mean 'site.css'"):
        site = Assets.__new__(Assets)
        site.built = {"site.css": "site.0123456789.css"}
        site.url("site.cs")


def test_an_unknown_name_is_refused_with_a_list_where_none_is_near(site):
    site.write(a_css="", b_js="")

    with pytest.raises(UnknownAsset, match="There are: a.css, b.js"):
        site.build().url("picture.png")


def test_files_with_a_fixed_address_are_known(site):
    site.write(robots_txt="User-agent: *")

    (path,) = site.build().root_files().values()
    assert path.read_text() == "User-agent: *"


@pytest.mark.parametrize(
    "name", [".hidden.css", ".git/config.txt", "vendor/fetch.py", "README.md", "a.css.swp"]
)
def test_it_does_not_publish(site, name):
    site.put(name, "secret")
    site.build()

    assert site.names() == []


@pytest.mark.parametrize(
    ("names", "served"),
    [
        pytest.param(["favicon.svg"], "favicon.svg", id="the drawing, if there is nothing else"),
        pytest.param(["favicon.ico", "favicon.svg"], "favicon.ico", id="the icon, if there is one"),
    ],
)
def test_a_browser_that_asks_for_an_icon_gets(site, names, served):
    for name in names:
        site.put(name, name)

    assert site.build().root_files()["/favicon.ico"].read_text() == served


def test_a_source_folder_that_is_not_there_is_an_error(site):
    site.source.rmdir()

    with pytest.raises(BrokenSource, match="There is no folder"):
        site.build()


# Style sheets


def test_an_import_is_replaced_by_the_file(site):
    site.write(
        site_css='@import "css/a.css";\n@import url(css/b.css);\nc {}', css__a_css="a {}", css__b_css="b {}"
    )

    assert site.built("site.css") == "a {}\nb {}\nc {}"


def test_imports_nest_relative_to_the_file_they_stand_in(site):
    site.write(site_css='@import "css/a.css";', css__a_css='@import "deep/b.css";', css__deep__b_css="b {}")

    assert site.built("site.css") == "b {}"


def test_an_import_into_a_layer_is_put_into_it(site):
    site.write(site_css='@import "a.css" layer(base);', a_css="a {}")

    assert site.built("site.css") == "@layer base {\na {}\n}"


def test_the_character_set_is_said_by_the_header_alone(site):
    site.write(site_css='@import "a.css";', a_css='@charset "UTF-8";\na {}')

    assert site.built("site.css") == "\na {}"


@pytest.mark.parametrize(
    "reference", ["url(../fonts/t.woff2)", "url('../fonts/t.woff2')", 'url( "../fonts/t.woff2" )']
)
def test_a_reference_becomes_the_address(site, reference):
    site.write(site_css='@import "css/a.css";', css__a_css=f"a {{ src: {reference} }}", fonts__t_woff2="font")

    assert site.built("site.css") == f'a {{ src: url("{site.build().url("fonts/t.woff2")}") }}'


def test_a_reference_keeps_its_fragment(site):
    site.write(a_css="a { mask: url(i.svg#b) }", i_svg="<svg/>")

    assert site.built("a.css").endswith('.svg#b") }')


def test_a_change_of_a_font_changes_the_address_of_the_style_sheet(site):
    site.write(a_css="a { src: url(t.woff2) }", t_woff2="one")
    before = site.build().url("a.css")
    site.write(t_woff2="two")

    assert site.build().url("a.css") != before


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("/* url(gone.png) @import 'gone.css'; */", id="in a comment"),
        pytest.param('a::after { content: "url(gone.png)" }', id="in a string"),
        pytest.param(
            "a { background: url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E\") }",
            id="that holds its data",
        ),
        pytest.param("a { mask: url(#local) }", id="to the page itself"),
    ],
)
def test_it_leaves_alone_a_reference(site, text):
    site.write(a_css=text)

    assert site.built("a.css") == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(
            "\n\na { src: url(gone.png) }", "a.css, line 3: there is no file gone.png", id="not there"
        ),
        pytest.param(
            '@import "gone.css";', "line 1: there is no style sheet gone.css", id="not there to import"
        ),
        pytest.param('@import "b.css" screen;', 'takes only "layer', id="imported on a condition"),
        pytest.param("a { src: url(../../etc/passwd) }", "outside of the static files", id="outside"),
        pytest.param("a { src: url(https://cdn.example/x.png) }", "is not a path from", id="elsewhere"),
        pytest.param("a { src: url(//cdn.example/x.png) }", "is not a path from", id="on another host"),
        pytest.param(
            '@import url("https://cdn.example/x.css");', "is not a path from", id="imported from elsewhere"
        ),
        pytest.param("a { src: url(/static/b.css) }", "is not a path from", id="an address without a hash"),
        pytest.param("a { src: url(notes.md) }", "there is no file notes.md", id="not published"),
        pytest.param(b"a { content: '\xff' }", "a.css is not UTF-8", id="unreadable"),
    ],
)
def test_the_start_is_stopped_by_something(site, text, complaint):
    site.write(a_css=text, b_css="", notes_md="")

    with pytest.raises(BrokenSource, match=re.escape(complaint)):
        site.build()


def test_the_start_is_stopped_by_a_circle(site):
    site.write(a_css='@import "b.css";', b_css='@import "a.css";')

    with pytest.raises(BrokenSource, match="import each other: a.css → b.css → a.css"):
        site.build()


def test_the_start_is_stopped_by_a_style_sheet_that_refers_to_itself(site):
    site.write(a_css="a { src: url(a.css) }")

    with pytest.raises(BrokenSource, match=r"line 1: there is no file a\.css"):
        site.build()


# Scripts


def test_scripts_become_one_in_the_order_of_their_names(site):
    site.write(js__b_js="second()", js__a_js="first() // and no new line", js__theme_js="theme()")
    bundle = site.built("site.js")

    assert bundle.index("first()") < bundle.index("second()")
    assert "theme()" not in bundle


def test_the_script_that_runs_first_stays_apart(site):
    site.write(js__a_js="", js__theme_js="theme()")

    assert site.built("js/theme.js") == "theme()"


def test_other_scripts_stay_apart(site):
    site.write(js__a_js="", vendor__x_js="x()")

    assert sorted(site.build().built) == ["site.js", "vendor/x.js"]


def test_each_script_is_fenced_in(site):
    site.write(js__a_js="a() // last line", js__b_js="b()")

    assert site.built("site.js").count("try { (function () {\n") == 2
    assert "a() // last line\n})(); } catch" in site.built("site.js")


def test_a_file_may_not_have_the_name_of_the_bundle(site):
    site.write(site_js="", js__a_js="")

    with pytest.raises(BrokenSource, match="site.js is made from"):
        site.build()


# Packing and writing


def test_text_is_packed_twice(site):
    site.write(a_css="a {}\n" * 100)
    place = site.target / site.build().built["a.css"]

    assert brotli.decompress(place.with_name(place.name + ".br").read_bytes()) == place.read_bytes()
    assert gzip.decompress(place.with_name(place.name + ".gz").read_bytes()) == place.read_bytes()


def test_what_does_not_get_smaller_is_not_packed(site):
    site.write(a_css="a", t_woff2=b"wOF2" * 100)
    site.build()

    assert site.names() == ["a.css", "t.woff2"]


def test_what_is_there_is_not_written_again(site):
    site.write(a_css="a {}\n" * 100)
    place = site.target / site.build().built["a.css"]
    before = place.stat()
    after = site.target / site.build().built["a.css"]

    assert (after.stat().st_ino, after.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_build_that_was_killed_is_finished_by_the_next(site):
    site.write(a_css="a {}\n" * 100)
    place = site.target / site.build().built["a.css"]
    place.unlink()
    place.with_name(place.name + ".br").write_bytes(b"half")
    site.build()

    assert brotli.decompress(place.with_name(place.name + ".br").read_bytes()) == place.read_bytes()


def test_nothing_temporary_is_left(site):
    site.write(a_css="a {}\n" * 100)
    site.build()

    assert [path.name for path in site.target.iterdir() if path.name.startswith(".")] == []


def test_others_may_read_what_was_built(site):
    site.write(a_css="a {}")

    assert os.stat(site.target / site.build().built["a.css"]).st_mode & 0o777 == 0o644


def build_and_read(source, target):
    assets = Assets(source, target)
    return {name: (target / built).read_bytes() for name, built in assets.built.items()}


@pytest.mark.slow
def test_several_processes_may_start_at_once(site):
    for number in range(30):
        site.put(f"css/{number}.css", f"a {{ order: {number} }}\n" * 200)
    with get_context("spawn").Pool(4) as pool:
        results = pool.starmap(build_and_read, [(site.source, site.target)] * 4)

    assert results == [results[0]] * 4
    assert len(results[0]) == 30


# Old files


def replace_after(site, seconds):
    """Build, and `seconds` later build another content; return the place of the first."""
    site.write(a_css="old {}")
    old = site.target / site.build().built["a.css"]
    site.now += seconds
    site.write(a_css="new {}")
    site.build()
    return old


def test_an_old_file_stays_for_the_release_that_may_still_run(site):
    assert replace_after(site, 1).exists()


def test_it_counts_from_when_it_was_replaced_and_not_from_when_it_was_built(site):
    assert replace_after(site, 100 * DAY).exists()


def test_within_a_day_it_stays(site):
    old = replace_after(site, 1)
    site.now += DAY - 1
    site.build()

    assert old.exists()


def test_after_a_day_out_of_use_it_is_removed(site):
    old = replace_after(site, 1)
    site.now += DAY + 1
    site.build()

    assert not old.exists()


def test_what_is_in_use_is_never_removed(site):
    site.write(a_css="a {}\n" * 100)
    site.build()
    site.now += 1000 * DAY
    site.build()

    assert site.names() == ["a.css", "a.css.br", "a.css.gz"]


def test_without_a_note_of_the_last_build_nothing_is_removed(site):
    old = replace_after(site, 1)
    site.now += 10 * DAY
    (site.target / "in-use.json").write_text("{ broken")
    site.build()

    assert old.exists()
