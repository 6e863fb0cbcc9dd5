"""Put style sheets together: imports become one file, references become addresses.

Not a parser of CSS: it finds comments, strings, `@import` and `url(...)`, and leaves the rest alone.
"""

import posixpath
import re

TOKEN = re.compile(
    r"""
      (?P<comment> /\*.*?(?:\*/|\Z) )
    | (?P<charset> @charset\s+"[^"]*"\s*; )
    | @import\s+ (?: url\(\s* (?P<q1>["']?) (?P<in_url>[^"')]*) (?P=q1) \s*\)
                   | (?P<q2>["']) (?P<in_quotes>[^"']*) (?P=q2) ) \s* (?P<condition>[^;{}]*) ;
    | \burl\(\s* (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<bare>[^"'()\s]*) ) \s*\)
    | (?P<string> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
LAYER = re.compile(r"layer\(\s*([A-Za-z][\w.-]*)\s*\)", re.IGNORECASE)
ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:|/)", re.IGNORECASE)  # a scheme, "//host" or "/path"


class BrokenSource(ValueError):
    """A file of the site refers to what is not there. The message names file and line."""


class StyleSheets:
    """The style sheets under the folder `root`.

    `url_of` gives the address for a name relative to `root`, or None if there is no such file.
    """

    def __init__(self, root, url_of):
        self.root = root
        self.url_of = url_of

    def flat(self, name, importers=()):
        """The text of the style sheet `name` with its imports in their places."""
        if name in importers:
            raise BrokenSource("Style sheets import each other: " + " → ".join((*importers, name)))
        text = read_source(self.root, name)

        def replaced(match):
            where = f"{name}, line {text.count(chr(10), 0, match.start()) + 1}"
            if match["charset"] is not None:
                return ""  # only valid at the top of a file; they are all UTF-8
            if match["comment"] is not None or match["string"] is not None:
                return match[0]
            imported = match["in_url"] if match["in_url"] is not None else match["in_quotes"]
            if imported is not None:
                return self.imported(imported.strip(), match["condition"].strip(), where, (*importers, name))
            reference = next(match[key] for key in ("double", "single", "bare") if match[key] is not None)
            address = self.address(reference, where)
            return match[0] if address is None else f'url("{address}")'

        return TOKEN.sub(replaced, text)

    def imported(self, reference, condition, where, importers):
        """What stands in the place of an `@import`."""
        layer = LAYER.fullmatch(condition)
        if condition and not layer:
            raise BrokenSource(f'{where}: @import takes only "layer(name)" here, not "{condition}"')
        name = local_name(reference, where)
        if not name.endswith(".css") or not (self.root / name).is_file():
            raise BrokenSource(f"{where}: there is no style sheet {reference}")
        text = self.flat(name, importers)
        return f"@layer {layer[1]} {{\n{text}\n}}" if layer else text

    def address(self, reference, where):
        """The address to print for `url(reference)`, or None to leave it as it is."""
        if reference.startswith(("data:", "#")):
            return None
        path, mark, fragment = reference.partition("#")
        name = local_name(path, where)
        # A style sheet could refer to itself; none has a reason to refer to another without importing it.
        url = None if name.endswith(".css") else self.url_of(name)
        if url is None:
            raise BrokenSource(f"{where}: there is no file {reference}")
        return url + mark + fragment


def read_source(root, name):
    """The text of the file `name` under `root`."""
    try:
        return (root / name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BrokenSource(f"{name} is not UTF-8") from None


def local_name(reference, where):
    """`reference` in the style sheet of `where`, relative to the root."""
    if ELSEWHERE.match(reference):
        raise BrokenSource(f"{where}: {reference} is not a path from this style sheet to a file of the site")
    folder = posixpath.dirname(where.rpartition(", line ")[0])
    name = posixpath.normpath(posixpath.join(folder, reference))
    if name.startswith("../") or name in ("..", "."):
        raise BrokenSource(f"{where}: {reference} is outside of the static files")
    return name
