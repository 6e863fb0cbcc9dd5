"""Read tar streams that anybody may have made: forwards, counted, with bounded memory.

Headers are read here and not by `tarfile.open`, which reads an extended header of any size into memory.
"""

import io
import lzma
import tarfile
import unicodedata
from collections.abc import Callable, Iterator

TOTAL_BYTES = 2 << 30  # that are unpacked at most
RATIO, RATIO_FROM = 200, 64 << 20  # unpacked to packed, looked at once that much was unpacked
HEADER_BYTES = 1 << 16  # of an extended header
RECORDS = 1_000  # in one; what archivers write has fewer than twenty
XZ_MEMORY = 100 << 20  # what `xz -9` makes needs 65 MB
BLOCK = 512


class ArchiveError(ValueError):
    """The archive cannot be read, or not safely. The message is a sentence for the person who named it."""


def check_amount(path, unpacked, packed):
    if unpacked > TOTAL_BYTES:
        raise ArchiveError(f"{path} unpacks to more than {TOTAL_BYTES >> 30} GB. Nothing was imported.")
    if unpacked > RATIO_FROM and unpacked > RATIO * packed:
        raise ArchiveError(
            f"{path} unpacks to more than {RATIO} times its size, which no archive of talks does. "
            "Nothing was imported."
        )


class Counted:
    """Bytes from a decompressor, counted so that a bomb is noticed early."""

    def __init__(self, unpacked, path, packed_size):
        self._unpacked, self._path, self._packed_size = unpacked, path, packed_size
        self._total = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes; fewer only at the end."""
        data = self._unpacked.read(size)
        self._total += len(data)
        check_amount(self._path, self._total, self._packed_size)
        return data

    def exactly(self, size: int) -> bytes:
        data = self.read(size + -size % BLOCK)
        if len(data) < size:
            raise EOFError
        return data[:size]

    def skip(self, size: int):
        left = size + -size % BLOCK
        while left > 0:
            piece = len(self.read(min(left, 1 << 18)))
            if not piece:
                raise EOFError
            left -= piece


class XzFile(io.RawIOBase):
    """The bytes in an .xz file. Unlike lzma.LZMAFile it bounds the memory that the file may ask for."""

    def __init__(self, packed):
        self._packed = packed
        self._unpacker = self._new()

    @staticmethod
    def _new():
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def readable(self):
        return True

    def readinto(self, into):
        piece = b""
        while not piece:
            given = b""
            if self._unpacker.eof:
                given = self._unpacker.unused_data.lstrip(b"\0")  # zeros may stand between two streams
                while not given:
                    given = self._packed.read(1 << 16)
                    if not given:
                        return 0
                    given = given.lstrip(b"\0")
                self._unpacker = self._new()
            elif self._unpacker.needs_input:
                given = self._packed.read(1 << 16)
                if not given:
                    raise EOFError
            piece = self._unpacker.decompress(given, len(into))
        into[: len(piece)] = piece
        return len(piece)


def members(stream: Counted, count: Callable[[], None]) -> Iterator[tuple[str, int, str]]:
    """Name, size of the bytes that follow, and why it is not to be read ("": it is) of each file in a tar.

    Whoever takes a member reads or skips its bytes before asking for the next. `count` is called for each
    header, also for those that only say something about the next.
    """
    said = {}  # by extended headers about the next member
    while block := stream.read(BLOCK):
        if len(block) < BLOCK:
            raise EOFError
        if not any(block):
            return
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if info.size < 0 or info.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.HeaderError(f"{printable(info.name)} has a header that cannot be read")
        count()
        if info.type in b"xXgLK":
            if info.size > HEADER_BYTES:
                raise tarfile.HeaderError("it has a header larger than 64 KB")
            header = stream.exactly(info.size)
            if info.type in (b"x", b"X"):
                said |= _extended(header)
            elif info.type == b"L":
                said["path"] = header.rstrip(b"\0")
            continue
        name = said.get("path", b"").decode("utf-8", "surrogateescape") or info.name
        size = int(said.get("size", info.size))
        said = {}
        if info.isreg():
            yield name, size, ""
        elif info.isdir():
            yield name + "/", 0, ""
        else:
            known = info.type in tarfile.SUPPORTED_TYPES
            yield name, 0 if known else size, "a link, device or other thing that is no ordinary file"


def _extended(header: bytes) -> dict:
    """What a pax header (POSIX.1-2001: "length key=value\\n" …) says about path and size."""
    said = {}
    start = records = 0
    while start < len(header):
        length, _, _ = header[start : start + 8].partition(b" ")
        end = start + int(length) if length.isdigit() else 0
        records += 1
        if not start + len(length) + 2 < end <= len(header) or records > RECORDS:
            raise tarfile.HeaderError("it has an extended header that cannot be read")
        key, _, value = header[start + len(length) + 1 : end - 1].partition(b"=")
        if key == b"path":
            said["path"] = value
        elif key == b"size":
            if not value.isdigit() or len(value) > 15:
                raise tarfile.HeaderError("it has an extended header with a wrong size")
            said["size"] = int(value)
        start = end
    return said


def printable(name: str) -> str:
    """A name as it may be shown on a terminal."""
    if name.isprintable():
        return name
    return "".join(char if _shows(char) else f"\\u{ord(char):04x}" for char in name)


def _shows(char):
    return char.isprintable() or unicodedata.category(char) == "Zs"
