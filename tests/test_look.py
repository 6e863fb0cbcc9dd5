"""What can be known about looks without eyes: contrast, weight, and what a page may hold."""

import hashlib
import json
import math
import re
from pathlib import Path

import brotli
import pytest

from talks import pictures
from talks.layers.assets import Assets

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "talks" / "static"
TEMPLATES = sorted((ROOT / "talks" / "templates").rglob("*.html"))
TOKENS = (STATIC / "css" / "tokens.css").read_text()
PAINTS = (STATIC / "css" / "pictures.css").read_text()
SCHEMES = ("light", "dark")
TEXT, LARGE = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11


def pairs(css):
    """{"paper": ("#fbfaf7", "#151413")} of the custom properties that differ by scheme."""
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", css)
    return {name: (light, dark) for name, light, dark in found}


COLOURS = pairs(TOKENS)


def rgb(colour):
    """Linear red, green and blue from 0 to 1 of "#rrggbb"."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def oklch(lightness, chroma, hue):
    """Linear red, green and blue of an OKLCH colour (CSS Color 4), cut to what screens show."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    mixed = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    return [min(max(part, 0), 1) for part in mixed]


def contrast(one, other):
    """The ratio of WCAG between two colours in linear light."""
    low, high = sorted(0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_21():
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)


def test_oklch_agrees_with_rgb():
    assert oklch(0.627955, 0.257683, 29.2338) == pytest.approx(rgb("#ff0000"), abs=1e-3)


FIELDS = ("paper", "raised")
STATES = ("good", "wait", "bad")
READ = [
    *((ink, field) for ink in ("ink", "quiet", "accent", "accent-strong") for field in FIELDS),
    *((state, field) for state in STATES for field in ("paper", f"{state}-field")),
    *(("ink", f"{state}-field") for state in STATES),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-shade", "shade"),
    ("paper", "bad"),
]
SEEN = [
    ("edge", "paper"),
    ("accent", "paper"),
    ("accent", "raised"),
    *((state, "raised") for state in STATES),
]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("ink", "field"), READ)
def test_text_can_be_read(ink, field, scheme):
    at = SCHEMES.index(scheme)
    assert contrast(rgb(COLOURS[ink][at]), rgb(COLOURS[field][at])) >= TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("mark", "field"), SEEN)
def test_marks_and_focus_can_be_seen(mark, field, scheme):
    at = SCHEMES.index(scheme)
    assert contrast(rgb(COLOURS[mark][at]), rgb(COLOURS[field][at])) >= LARGE


def test_every_colour_is_in_a_pair_that_is_tested():
    assert set(COLOURS) - {"rule"} == {name for pair in READ + SEEN for name in pair}


def tones():
    """[{"field": ((L, C), (L, C)), ...}], one for each tone of the pictures."""
    blocks = [re.search(rf"\.t{tone} {{(.*?)}}", PAINTS, re.DOTALL)[1] for tone in range(pictures.TONES)]
    paint = re.compile(r"--(\w+): light-dark\(oklch\(([\d.]+) ([\d.]+) .*?, oklch\(([\d.]+) ([\d.]+) ")
    return [
        {name: ((float(a), float(b)), (float(c), float(d))) for name, a, b, c, d in paint.findall(block)}
        for block in blocks
    ]


HUES = [float(re.search(rf"\.h{hue} {{ --hue: ([\d.]+); }}", PAINTS)[1]) for hue in range(pictures.HUES)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("tone", range(pictures.TONES))
@pytest.mark.parametrize("hue", range(pictures.HUES))
def test_initials_can_be_read_on_every_part_of_a_picture(hue, tone, scheme):
    at = SCHEMES.index(scheme)
    paints = {name: oklch(*values[at], HUES[hue]) for name, values in tones()[tone].items()}
    for beneath, least in (("field", TEXT), ("back", LARGE), ("front", LARGE)):
        assert contrast(paints["letters"], paints[beneath]) >= least, beneath


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return Assets(STATIC, tmp_path_factory.mktemp("static"))


def packed(built, name):
    """Bytes that a browser loads."""
    content = (built.target / built.built[name]).read_bytes()
    return len(content if name.endswith(".woff2") else brotli.compress(content))


def test_what_every_page_loads_is_light(built):
    names = ("site.css", "site.js", "js/theme.js", "favicon.svg", "vendor/newsreader/latin.woff2")
    assert sum(packed(built, name) for name in names) < 90_000


def test_style_sheet_is_light(built):
    assert packed(built, "site.css") < 20_000


def test_scripts_are_light(built):
    assert packed(built, "site.js") < 8_000


def test_font_is_light(built):
    assert packed(built, "vendor/newsreader/latin.woff2") < 120_000


def test_theme_script_is_too_small_to_wait_for(built):
    assert packed(built, "js/theme.js") < 500


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_has_nothing_inline(path):
    text = path.read_text()
    if "email" in path.parts:  # a mail has no style sheet of the site's
        text = text.replace("<style>", "", 1)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_prints_raw_only_what_was_cleaned(path):
    assert set(re.findall(r"([\w.]+)\s*\|\s*safe\b", path.read_text())) <= {
        "talk.description_html", "speaker.bio_html", "comment.body_html", "entry.body_html",
        "thing.body_html", "body_html",
    }  # fmt: skip


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_loads_nothing_from_elsewhere(path):
    assert not re.search(r'(?:src|href)="(?:https?:)?//', path.read_text())


@pytest.mark.parametrize("path", sorted(STATIC.rglob("js/*.js")), ids=lambda path: path.name)
def test_script_writes_no_markup(path):
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", path.read_text())


@pytest.mark.parametrize("path", sorted(STATIC.glob("css/*.css")), ids=lambda path: path.name)
def test_style_sheet_takes_its_colours_from_the_tokens(path):
    if path.name not in ("tokens.css", "pictures.css"):
        assert not re.search(r"#[0-9a-f]{3,8}\b", path.read_text())


MANIFEST = json.loads((STATIC / "vendor" / "manifest.json").read_text())


@pytest.mark.parametrize("package", MANIFEST, ids=lambda package: package["name"])
def test_vendored_package_says_its_version_and_licence(package):
    assert package["version"] and package["licence"]
    assert any(name.endswith("LICENSE") for name in package["files"])


@pytest.mark.parametrize("package", MANIFEST, ids=lambda package: package["name"])
def test_vendored_files_are_as_they_were_fetched(package):
    for name, digest in package["files"].items():
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest


def test_every_vendored_file_is_in_the_manifest():
    there = {path.relative_to(STATIC / "vendor").as_posix() for path in (STATIC / "vendor").rglob("*.*")}
    named = {name for package in MANIFEST for name in package["files"]}
    assert there - {"manifest.json"} <= named
