"""Read a folder, .tar.xz, .tar.gz or .zip in the layout of the PyVideo archive, whoever made it.

    NO_PUBLISH.json             ids of records that are not to be published
    EVENT/category.json         the event
    EVENT/videos/TALK.json      a talk

Everything else is passed over. Nothing is unpacked under its own name: of a tar, which can only be read
forwards, the files of the layout go into one nameless temporary file, so that an event whose files are
scattered is still handed out whole; folders and zips are read in place.
"""

import gzip
import io
import lzma
import os
import re
import stat
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from talks.exchange.tars import ArchiveError, Counted, XzFile, check_amount, members, printable

MEMBER_BYTES = 1 << 20
MEMBERS = 100_000
DIRECTORY_BYTES = 16 << 20  # of a zip: it is read whole
EVENT_LENGTH, KEY_LENGTH = 128, 255  # of an event's folder, and of "EVENT/TALK"

LAYOUT = re.compile(r"NO_PUBLISH\.json|(?P<event>[^/.][^/]*)/(?:category|videos/(?P<talk>[^/]+))\.json")
NO_PUBLISH = "NO_PUBLISH.json"
BROKEN = (lzma.LZMAError, zlib.error, gzip.BadGzipFile, tarfile.HeaderError, EOFError)
ZIP_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
)


class Unreadable(Exception):
    """One file cannot be read; says why."""


class Archive:
    """The files of the layout, by event. What was passed over for a reason is in `skipped`."""

    def __init__(self, path):
        self.path = path
        self.skipped: list[tuple[str, str]] = []  # file, reason
        self.broken = ""  # a sentence, when the archive ends too early
        self._places = {}  # event ("" for the root) -> {file: where its bytes are}
        self._names = {}  # folded -> name, of every file and event met
        self._members = 0

    def scan(self):
        """Find the files of the layout. Raises ArchiveError."""
        raise NotImplementedError

    @property
    def events(self) -> list[str]:
        return sorted(event for event in self._places if event)

    def files(self, event: str) -> Iterator[tuple[str, bytes]]:
        """Each file of an event and its bytes, by name: category.json comes first."""
        for name, place in sorted(self._places.get(event, {}).items()):
            try:
                yield name, self._load(place)
            except Unreadable as reason:
                self.skipped.append((name, str(reason)))

    def no_publish(self) -> bytes | None:
        """What the list of records that must stay unpublished holds; None when there is none.

        Raises ArchiveError when it is there and cannot be read: going on would publish them.
        """
        read = dict(self.files(""))
        if any(name.casefold() == NO_PUBLISH.casefold() for name, _ in self.skipped):
            raise ArchiveError(f"{NO_PUBLISH} of {self.path} cannot be read. Nothing was imported.")
        return read.get(NO_PUBLISH)

    def close(self):
        pass

    def _load(self, place) -> bytes:
        raise NotImplementedError

    def _count(self):
        self._members += 1
        if self._members > MEMBERS:
            raise ArchiveError(f"{self.path} holds more than {MEMBERS:,} files. Nothing was imported.")

    def _wanted(self, name: str, size: int, why_not: str = "") -> tuple[str, str] | None:
        """Event and file, when `name` is of the layout and fit to be read. Notes what is wrong with it."""
        name = re.sub(r"^(\./)+", "", name)
        found = LAYOUT.fullmatch(name)
        why_not = _hostile(name) or why_not or (found and self._unfit(name, found, size))
        if why_not:
            self.skipped.append((name, why_not))
            return None
        return found and (found["event"] or "", name)

    def _unfit(self, name, found, size):
        if size > MEMBER_BYTES:
            return "larger than 1 MB"
        if printable(name) != name:
            return "a name with characters that cannot be printed"
        event, talk = found["event"] or "", found["talk"] or ""
        if len(event) > EVENT_LENGTH or len(f"{event}/{talk}") > KEY_LENGTH:
            return f"its name is longer than {KEY_LENGTH} characters, or its folder's than {EVENT_LENGTH}"
        for new in (event, name):
            same = self._names.setdefault(_folded(new), new)
            if same != new:
                return f"the same name as {same} but for upper and lower case"
        if name in self._places.get(event, ()):
            return "there twice: only the first was read"
        return ""

    def _add(self, event, name, place):
        self._places.setdefault(event, {})[name] = place


class Folder(Archive):
    """A folder. Links in it are not followed."""

    def scan(self):
        for event in self._entries("", self.path):
            if event.is_dir(follow_symlinks=False) and not event.name.startswith("."):
                for inner in self._entries(f"{event.name}/", event.path):
                    if inner.name == "videos" and inner.is_dir(follow_symlinks=False):
                        for talk in self._entries(f"{event.name}/videos/", inner.path):
                            self._see(f"{event.name}/videos/{talk.name}", talk)
                    self._see(f"{event.name}/{inner.name}", inner)
            self._see(event.name, event)

    def _entries(self, name, path):
        try:
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not name:
                raise ArchiveError(f"{path} cannot be read: {error.strerror}.") from error
            self.skipped.append((name, error.strerror))
            return []

    def _see(self, name, entry):
        self._count()
        if entry.is_dir(follow_symlinks=False):
            return
        link = "a link, which is not followed" if entry.is_symlink() else ""
        if wanted := self._wanted(name, 0, link):
            self._add(*wanted, entry.path)

    def _load(self, place):
        try:
            # Not blocking: opening a named pipe would wait for somebody to write into it.
            file = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(file, "rb") as opened:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise Unreadable("no ordinary file")
                data = opened.read(MEMBER_BYTES + 1)
        except OSError as error:
            raise Unreadable(error.strerror) from error
        if len(data) > MEMBER_BYTES:
            raise Unreadable("larger than 1 MB")
        return data


class Zip(Archive):
    """A .zip, read in place. zipfile unpacks no more than the sizes that are checked here first."""

    _zip = None

    def scan(self):
        try:
            _check_directory(self.path)
            self._zip = zipfile.ZipFile(self.path)
        except ArchiveError:
            raise
        except ZIP_BROKEN as error:
            raise ArchiveError(f"{self.path} is no whole zip archive: {error}.") from error
        total = 0
        for info in self._zip.infolist():
            self._count()
            # orig_filename: zipfile cuts `filename` at a NUL.
            wanted = self._wanted(info.orig_filename, info.file_size, _why_not(info))
            if wanted:
                self._add(*wanted, info)
                total += info.file_size
        check_amount(self.path, total, os.path.getsize(self.path))

    def _load(self, place):
        try:
            with self._zip.open(place) as file:
                return file.read(MEMBER_BYTES)
        except (*ZIP_BROKEN, RuntimeError) as error:
            raise Unreadable(f"damaged in the archive ({error})") from error

    def close(self):
        if self._zip:
            self._zip.close()


class Tar(Archive):
    """A .tar.xz or .tar.gz, read once from its beginning to its end."""

    def __init__(self, path, unpack):
        super().__init__(path)
        self._unpack = unpack
        self._spool = tempfile.TemporaryFile()

    def scan(self):
        event = ""
        try:
            with open(self.path, "rb") as packed, self._unpack(packed) as unpacked:
                stream = Counted(unpacked, self.path, os.path.getsize(self.path))
                for name, size, why_not in members(stream, self._count):
                    wanted = self._wanted(name, size, why_not)
                    if wanted:
                        event = wanted[0]
                        self._add(*wanted, (self._spool.tell(), size))
                        self._spool.write(stream.exactly(size))
                        size = 0
                    stream.skip(size)
        except BROKEN as error:
            self._break_off(event, error)
        except OSError as error:
            raise ArchiveError(f"{self.path} cannot be read: {error.strerror or error}.") from error

    def _break_off(self, event, error):
        """Keep the events before the break; the one it is in may lack talks."""
        reason = str(error) or "it ends too early"
        if not self._members:
            raise ArchiveError(f"{self.path} is no whole .tar.xz or .tar.gz archive: {reason}.") from error
        self.broken = f"{self.path} is damaged or cut off: {reason}. Only the events before that were read."
        if event and self._places.pop(event, None):
            self.skipped.append((event, "the archive is damaged before the end of this event"))

    def _load(self, place):
        offset, size = place
        self._spool.seek(offset)
        return self._spool.read(size)

    def close(self):
        self._spool.close()


def _check_directory(path):
    """Refuse a zip whose directory, which zipfile reads whole, is larger than MEMBERS names need."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - (1 << 16) - 22))
        tail = file.read()
    for found in re.finditer(rb"PK\x05\x06", tail):
        at = found.start()
        record = tail[at : at + 22]
        if len(record) < 22:
            continue
        size = int.from_bytes(record[12:16], "little")
        if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07") or size > DIRECTORY_BYTES:
            raise ArchiveError(
                f"{path} has a directory too large to be read. Give it as .tar.xz or as a folder."
            )


def _why_not(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link, device or other thing that is no ordinary file"
    if info.flag_bits & 1:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed in a way that is not supported (only stored and deflated are)"
    return ""


def _hostile(name: str) -> str:
    """Why a name must not be followed; "" for an ordinary one."""
    if "\\" in name or "\0" in name or name.startswith("/") or ".." in name.split("/"):
        return "a name that leads out of the archive"
    return ""


def _folded(name):
    return unicodedata.normalize("NFC", name).casefold()


@contextmanager
def open_archive(path) -> Iterator[Archive]:
    """What is at `path`, by what it is and not by its name. Raises ArchiveError."""
    path = os.fspath(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb") as file:
                start = file.read(6)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArchiveError(f"{printable(path)} cannot be read: {reason}.") from error
    if stat.S_ISDIR(mode):
        archive = Folder(path)
    elif not stat.S_ISREG(mode):
        raise ArchiveError(f"{path} is neither a folder nor a file.")
    elif start.startswith(b"\xfd7zXZ\0"):
        archive = Tar(path, lambda packed: io.BufferedReader(XzFile(packed), 1 << 17))
    elif start.startswith(b"\x1f\x8b"):
        archive = Tar(path, lambda packed: gzip.GzipFile(fileobj=packed))
    elif start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        archive = Zip(path)
    else:
        raise ArchiveError(f"{path} is neither a folder nor a .tar.xz, .tar.gz or .zip archive.")
    try:
        archive.scan()
        yield archive
    finally:
        archive.close()
