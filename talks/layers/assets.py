"""Build the static files once, at the start, under names that hold the hash of their content.

A file under such a name never changes, so browsers may keep it for a year and a new release is seen at
once. Several processes may build at the same time: a file is written under a temporary name and moved into
place, and two that build the same write the same.
"""

import gzip
import hashlib
import json
import os
import tempfile
import time
from difflib import get_close_matches
from pathlib import Path

import brotli

from talks.layers.stylesheets import BrokenSource, StyleSheets, read_source

PUBLISHED = frozenset(
    ".avif .css .gif .ico .jpg .js .json .png .svg .txt .webmanifest .webp .woff2 .xml".split()
)
PACKED = frozenset(".css .ico .js .json .svg .txt .webmanifest .xml".split())
# Addresses that browsers and robots ask for by themselves, and the files that may stand there, best first.
ROOT_FILES = {"/favicon.ico": ("favicon.ico", "favicon.svg"), "/robots.txt": ("robots.txt",)}
BUNDLE = "site.js"
APART = "js/theme.js"  # has to run before the page is drawn
IN_USE = "in-use.json"  # names of the last build
KEPT_SECONDS = 24 * 60 * 60
BUNDLED = """/* {name} */
try {{ (function () {{
{source}
}})(); }} catch (error) {{ setTimeout(function () {{ throw error; }}); }}
"""


class UnknownAsset(LookupError):
    """A template asks for a file that is not in the folder."""


class Assets:
    """Builds `source` into `target` when it is made, and knows the addresses of what it built.

    - style sheets: `@import` of a local file is replaced by that file, `url(...)` by the address of the
      built file;
    - scripts: all `js/*.js` but `theme.js` become `site.js`, in the order of their names; one that throws
      does not stop the next;
    - text is also packed with brotli and gzip, where that makes it smaller.

    Raises BrokenSource, a ValueError, with a sentence for whoever wrote the file: something referred to is
    not there, style sheets import each other in a circle.
    `clock` gives seconds since 1970.
    """

    def __init__(self, source, target, prefix="/static/", clock=time.time):
        self.source = Path(source)
        self.target = Path(target)
        self.prefix = prefix
        self.clock = clock
        if not self.source.is_dir():
            raise BrokenSource(f"There is no folder {self.source} to build static files from")
        self.built = {}  # "css/card.css" -> "css/card.0123456789.css"
        self.sheets = StyleSheets(self.source, self.url_while_building)
        for name in self.published():
            self.build(name)
        self.build_bundle()
        self.clean_up()

    def url(self, name):
        """The address of the file that is `name` in the source folder: "/static/site.0123456789.css"."""
        if name not in self.built:
            near = get_close_matches(name, self.built, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f". There are: {', '.join(sorted(self.built))}"
            raise UnknownAsset(f"There is no static file {name!r}{hint}")
        return self.prefix + self.built[name]

    def root_files(self):
        """The built files that have a fixed address besides: ``{"/robots.txt": Path(...)}``."""
        found = {}
        for address, names in ROOT_FILES.items():
            there = [self.target / self.built[name] for name in names if name in self.built]
            if there:
                found[address] = there[0]
        return found

    def published(self):
        """Names of the files to build, in order."""
        paths = sorted(path for path in self.source.rglob("*") if path.is_file())
        names = [path.relative_to(self.source).as_posix() for path in paths if path.suffix in PUBLISHED]
        return [name for name in names if not is_hidden(name) and not is_bundled(name)]

    def build(self, name):
        """Build one file, and before it what it refers to."""
        if name not in self.built:
            source = self.source / name
            content = self.sheets.flat(name).encode() if source.suffix == ".css" else source.read_bytes()
            self.write(name, content)

    def build_bundle(self):
        names = sorted(path.relative_to(self.source).as_posix() for path in self.source.glob("js/*.js"))
        names = [name for name in names if is_bundled(name) and not is_hidden(name)]
        if names and BUNDLE in self.built:
            raise BrokenSource(f"{BUNDLE} is made from js/*.js, so no file may have that name")
        if names:
            parts = [BUNDLED.format(name=name, source=read_source(self.source, name)) for name in names]
            self.write(BUNDLE, "".join(parts).encode())

    def url_while_building(self, name):
        """The address of `name`, which is built if it was not; None if there is no such file."""
        path = self.source / name
        if is_hidden(name) or path.suffix not in PUBLISHED or not path.is_file():
            return None
        self.build(name)
        return self.url(name)

    def write(self, name, content):
        path = Path(name)
        digest = hashlib.sha256(content).hexdigest()[:10]
        self.built[name] = path.with_name(f"{path.stem}.{digest}{path.suffix}").as_posix()
        place = self.target / self.built[name]
        if place.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in PACKED:
            for suffix, packed in (
                (".br", brotli.compress(content)),
                (".gz", gzip.compress(content, mtime=0)),
            ):
                if len(packed) < len(content):
                    replace(place.with_name(place.name + suffix), packed)
        replace(place, content)  # last: who finds it may rely on the others

    def clean_up(self):
        """Remove files that no build has used for a day: an older release may still run, or be in a cache.

        A file's time of change says since when it is out of use, once it is.
        """
        note = self.target / IN_USE
        current = set(self.built.values())
        now = self.clock()
        try:
            before = set(json.loads(note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            before = None  # nobody knows: take all for used until now
        for path in self.target.rglob("*"):
            name = path.relative_to(self.target).as_posix()
            plain = name.removesuffix(".br").removesuffix(".gz")
            if plain in current or name == IN_USE or not path.is_file():
                continue
            try:
                if before is None or plain in before:
                    os.utime(path, (now, now))
                elif now - path.stat().st_mtime > KEPT_SECONDS:
                    path.unlink()
            except FileNotFoundError:
                pass  # another process was faster
        if before != current:
            self.target.mkdir(parents=True, exist_ok=True)
            replace(note, json.dumps(sorted(current)).encode())


def is_bundled(name):
    """Is this one of the scripts that become `site.js`?"""
    return name.startswith("js/") and name.count("/") == 1 and name.endswith(".js") and name != APART


def is_hidden(name):
    """Is a part of this path left out, because its name starts with a dot?"""
    return any(part.startswith(".") for part in name.split("/"))


def replace(path, content):
    """Write a file so that others see nothing, the old or the new one, never a part; nor after a crash."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
