"""Reading archives that anybody may have made."""

import gzip
import io
import lzma
import os
import tarfile
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talks.exchange import archives, tars
from talks.exchange.archives import open_archive
from talks.exchange.tars import ArchiveError

FILES = {
    "pycon-2019/category.json": b'{"title": "PyCon 2019"}',
    "pycon-2019/videos/one.json": b"{}",
    "pycon-2019/videos/two.json": b"[]",
    "scipy-2013/category.json": b"{}",
    "scipy-2013/videos/three.json": b"3",
}


def tar(members):
    """The bytes of a tar; members are (name or TarInfo, bytes)."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def write_folder(path, files):
    for name, data in files:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


def write_xz(path, files):
    path.write_bytes(lzma.compress(tar(files), preset=0))


def write_gz(path, files):
    path.write_bytes(gzip.compress(tar(files)))


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)


WRITERS = {"folder": write_folder, "xz": write_xz, "gz": write_gz, "zip": write_zip}
every_kind = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
PACKED = {kind: write for kind, write in WRITERS.items() if kind != "folder"}
every_packed_kind = pytest.mark.parametrize("write", PACKED.values(), ids=PACKED)


def read(path):
    """{event: {file: bytes}}, what was skipped, and the sentence about a break."""
    with open_archive(path) as archive:
        found = {event: dict(archive.files(event)) for event in archive.events}
        return found, archive.skipped, archive.broken


def reasons(path):
    return dict(read(path)[1])


@every_kind
def test_every_kind_of_archive_gives_the_same_files_by_event(tmp_path, write):
    write(tmp_path / "archive", reversed(FILES.items()))

    found, skipped, broken = read(tmp_path / "archive")

    assert list(found) == ["pycon-2019", "scipy-2013"]
    assert found["pycon-2019"] == {name: FILES[name] for name in FILES if name.startswith("pycon")}
    assert not skipped and not broken


@every_kind
def test_other_files_are_passed_over(tmp_path, write):
    others = ["README", "pycon-2019/notes.txt", "pycon-2019/videos/a/b.json", ".git/videos/x.json", "x.json"]
    write(tmp_path / "archive", [*FILES.items(), *((name, b"?" * 2_000_000) for name in others)])

    found, skipped, _ = read(tmp_path / "archive")

    assert sum(map(len, found.values())) == len(FILES) and not skipped


@every_packed_kind
def test_an_event_whose_files_are_scattered_comes_whole(tmp_path, write):
    names = sorted(FILES, key=lambda name: name[-8:])
    write(tmp_path / "archive", [(name, FILES[name]) for name in names])

    assert len(read(tmp_path / "archive")[0]["pycon-2019"]) == 3


@every_kind
def test_a_file_of_one_megabyte_is_read_and_a_larger_one_is_reported(tmp_path, write):
    files = [("a/videos/fits.json", b"1" * (1 << 20)), ("a/videos/large.json", b"1" * ((1 << 20) + 1))]
    write(tmp_path / "archive", files)

    found, skipped, _ = read(tmp_path / "archive")

    assert list(found["a"]) == ["a/videos/fits.json"]
    assert skipped == [("a/videos/large.json", "larger than 1 MB")]


@every_packed_kind
@pytest.mark.parametrize(
    "name",
    [
        "../a/videos/x.json",
        "/a/videos/x.json",
        "a/../../b/videos/x.json",
        "a\\videos\\x.json",
        "a/videos/..\\x.json",
    ],
)
def test_a_name_that_leads_out_of_the_archive_is_reported(tmp_path, write, name):
    write(tmp_path / "archive", [(name, b"{}"), *FILES.items()])

    found, skipped, _ = read(tmp_path / "archive")

    assert len(found) == 2
    assert skipped == [(name, "a name that leads out of the archive")]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_reported(tmp_path, kind):
    info = tarfile.TarInfo("a/videos/x.json")
    info.type, info.linkname = kind, "/etc/passwd"
    write_xz(tmp_path / "archive", [(info, b""), *FILES.items()])

    found, skipped, _ = read(tmp_path / "archive")

    assert "a" not in found and len(found) == 2
    assert [name for name, _ in skipped] == ["a/videos/x.json"]


def test_a_link_in_a_zip_is_reported(tmp_path):
    link = zipfile.ZipInfo("a/videos/x.json")
    link.external_attr = 0o120777 << 16
    write_zip(tmp_path / "archive", [(link, b"/etc/passwd")])

    assert "a link" in reasons(tmp_path / "archive")["a/videos/x.json"]


def test_links_in_a_folder_are_not_followed(tmp_path):
    write_folder(tmp_path / "real", FILES.items())
    write_folder(tmp_path / "archive", [("a/videos/x.json", b"{}")])
    (tmp_path / "archive/linked").symlink_to(tmp_path / "real/pycon-2019")
    (tmp_path / "archive/a/videos/y.json").symlink_to(tmp_path / "real/pycon-2019/category.json")

    found, skipped, _ = read(tmp_path / "archive")

    assert found == {"a": {"a/videos/x.json": b"{}"}}
    assert [name for name, _ in skipped] == ["a/videos/y.json", "linked"]


def test_a_named_pipe_in_a_folder_does_not_stop_the_reading(tmp_path):
    write_folder(tmp_path / "archive", FILES.items())
    os.mkfifo(tmp_path / "archive/pycon-2019/videos/pipe.json")

    assert reasons(tmp_path / "archive") == {"pycon-2019/videos/pipe.json": "no ordinary file"}


@every_packed_kind
def test_of_a_file_that_is_there_twice_the_first_is_read(tmp_path, write):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, about writing such a thing
        write(tmp_path / "archive", [("a/videos/x.json", b"1"), ("a/videos/x.json", b"2")])

    found, skipped, _ = read(tmp_path / "archive")

    assert found["a"]["a/videos/x.json"] == b"1"
    assert skipped == [("a/videos/x.json", "there twice: only the first was read")]


@every_packed_kind
@pytest.mark.parametrize("later", ["a/videos/X.json", "A/videos/y.json"])
def test_names_that_differ_only_in_case_are_reported(tmp_path, write, later):
    write(tmp_path / "archive", [("a/videos/x.json", b"1"), (later, b"2")])

    found, skipped, _ = read(tmp_path / "archive")

    assert found == {"a": {"a/videos/x.json": b"1"}}
    assert [name for name, _ in skipped] == [later]


@every_packed_kind
def test_names_too_long_for_their_columns_are_reported(tmp_path, write):
    names = [f"{'e' * 129}/videos/x.json", f"a/videos/{'t' * 254}.json"]
    write(tmp_path / "archive", [(name, b"{}") for name in names])

    assert list(reasons(tmp_path / "archive")) == names


def test_names_beyond_ascii_and_beyond_a_hundred_characters_are_read(tmp_path):
    name = f"a/videos/{'파이썬' * 30}.json"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", format=form) as archive:
            archive.addfile(tarfile.TarInfo(name))
        (tmp_path / "archive").write_bytes(gzip.compress(made.getvalue()))

        assert read(tmp_path / "archive")[0] == {"a": {name: b""}}


def test_an_xz_of_several_streams_with_padding_is_read_whole(tmp_path):
    data = tar(FILES.items())
    halves = lzma.compress(data[:2000]) + b"\0" * 8 + lzma.compress(data[2000:])
    (tmp_path / "archive").write_bytes(halves + b"\0" * 4)

    found, _, broken = read(tmp_path / "archive")

    assert sum(map(len, found.values())) == len(FILES) and not broken


@pytest.mark.parametrize("write", [write_xz, write_gz], ids=["xz", "gz"])
def test_of_an_archive_that_is_cut_off_the_events_before_the_break_stay(tmp_path, write):
    noise = os.urandom(200_000)
    write(
        tmp_path / "archive",
        [*FILES.items(), ("scipy-2013/videos/z.json", noise), ("z/videos/z.json", noise)],
    )
    whole = (tmp_path / "archive").read_bytes()
    (tmp_path / "archive").write_bytes(whole[:150_000])

    found, skipped, broken = read(tmp_path / "archive")

    assert list(found) == ["pycon-2019"]
    assert "scipy-2013" in dict(skipped)
    assert "cut off" in broken


def test_an_archive_damaged_in_the_middle_says_so(tmp_path):
    noise = os.urandom(200_000)
    write_xz(tmp_path / "archive", [*FILES.items(), ("z/videos/z.json", noise)])
    data = bytearray((tmp_path / "archive").read_bytes())
    data[100_000:100_100] = b"\xff" * 100
    (tmp_path / "archive").write_bytes(data)

    assert read(tmp_path / "archive")[2]


def zeros(compressor, megabytes, before=b""):
    """`before` and megabytes of zeros, compressed without being in memory at once."""
    pieces = [compressor.compress(before)]
    pieces += [compressor.compress(bytes(1 << 20)) for _ in range(megabytes)]
    return b"".join([*pieces, compressor.flush()])


def header(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a/videos/x.json", "padding.bin"])
def test_a_bomb_of_one_giant_member_is_stopped_early(tmp_path, name):
    bomb = zeros(lzma.LZMACompressor(preset=0), 300, header(name, 5 << 30))
    (tmp_path / "archive").write_bytes(bomb)

    with pytest.raises(ArchiveError, match="times its size"):
        read(tmp_path / "archive")


def test_a_bomb_of_headers_is_stopped_early(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS", 500)
    (tmp_path / "archive").write_bytes(lzma.compress(b"".join(header(f"x{n}", 0) for n in range(600))))

    with pytest.raises(ArchiveError, match="more than 500 files"):
        read(tmp_path / "archive")


def extended(records):
    """An extended header about the next member."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    return info.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512)


def test_extended_headers_are_counted_as_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS", 500)
    (tmp_path / "archive").write_bytes(gzip.compress(extended(b"6 a=b\n") * 501))

    with pytest.raises(ArchiveError, match="more than 500 files"):
        read(tmp_path / "archive")


def test_an_extended_header_of_thousands_of_records_is_not_read(tmp_path):
    data = tar([("a/videos/x.json", b"{}")])[:1024] + extended(b"6 a=b\n" * 10_900)
    (tmp_path / "archive").write_bytes(gzip.compress(data))

    assert "extended header that cannot be read" in read(tmp_path / "archive")[2]


@pytest.mark.parametrize("other", [b"", b"6 a=b\n", b"6 a=b\n" * 900])
def test_a_name_is_read_wherever_it_stands_in_an_extended_header(tmp_path, other):
    data = extended(other + b"24 path=a/videos/x.json\n" + other[:6]) + header("short", 2) + b"{}".ljust(512)
    (tmp_path / "archive").write_bytes(gzip.compress(data + bytes(1024)))

    found, _, broken = read(tmp_path / "archive")

    assert list(found["a"]) == ["a/videos/x.json"] and not broken


@pytest.mark.parametrize("records", [b"0 a=b\n", b"9 a=b\n", b"6 a=b\n6 a", b"a", b" a=b\n", b"-6 a=b\n"])
def test_an_extended_header_of_wrong_lengths_is_not_read(tmp_path, records):
    data = tar([("a/videos/x.json", b"{}")])[:1024] + extended(records)
    (tmp_path / "archive").write_bytes(gzip.compress(data))

    assert "extended header that cannot be read" in read(tmp_path / "archive")[2]


def test_an_archive_that_unpacks_to_too_much_in_all_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tars, "TOTAL_BYTES", 100_000)
    write_gz(tmp_path / "archive", [("other.bin", os.urandom(200_000))])

    with pytest.raises(ArchiveError, match="unpacks to more than"):
        read(tmp_path / "archive")


def test_an_extended_header_is_not_read_into_memory_when_it_is_large(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    data = tar([("a/videos/x.json", b"{}")])[:1024] + info.tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "archive").write_bytes(gzip.compress(data))

    assert "header larger than 64 KB" in read(tmp_path / "archive")[2]


def test_an_xz_that_asks_for_much_memory_is_refused(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 512 << 20}]
    (tmp_path / "archive").write_bytes(lzma.compress(tar(FILES.items()), filters=filters))

    with pytest.raises(ArchiveError, match="[Mm]emory"):
        read(tmp_path / "archive")


def test_a_zip_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "archive", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(80):
            archive.writestr(f"a/videos/{number}.json", bytes(1 << 20))

    with pytest.raises(ArchiveError, match="times its size"):
        read(tmp_path / "archive")


def test_a_member_larger_than_its_zip_says_is_reported(tmp_path):
    write_zip(tmp_path / "archive", [("a/videos/x.json", b"1" * 5000)])
    data = (tmp_path / "archive").read_bytes()
    (tmp_path / "archive").write_bytes(data.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))

    assert "damaged" in reasons(tmp_path / "archive")["a/videos/x.json"]


def test_an_encrypted_member_is_reported(tmp_path):
    write_zip(tmp_path / "archive", [("a/videos/x.json", b"{}")])
    data = bytearray((tmp_path / "archive").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "archive").write_bytes(data)

    assert reasons(tmp_path / "archive") == {"a/videos/x.json": "encrypted"}


def test_a_name_with_nul_in_a_zip_is_reported(tmp_path):
    write_zip(tmp_path / "archive", [("a/videos/x.json@.exe", b"{}")])
    data = (tmp_path / "archive").read_bytes()
    (tmp_path / "archive").write_bytes(data.replace(b"json@", b"json\0"))

    found, skipped, _ = read(tmp_path / "archive")

    assert not found and len(skipped) == 1


@pytest.mark.parametrize("place", [-10, -40, 30], ids=["end record", "directory", "local header"])
def test_a_zip_with_a_damaged_directory_says_so(tmp_path, place):
    write_zip(tmp_path / "archive", FILES.items())
    data = bytearray((tmp_path / "archive").read_bytes())
    data[place] ^= 0xFF
    (tmp_path / "archive").write_bytes(data)

    try:
        found, skipped, _ = read(tmp_path / "archive")
    except ArchiveError:
        return
    assert skipped or sum(map(len, found.values())) < len(FILES)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xfd7zXZ\0", b"\x1f\x8b", b"PK\x03\x04", b"\x1f\x8b" + b"x" * 99]
)
def test_what_is_no_archive_is_refused_in_one_line(tmp_path, data):
    (tmp_path / "archive").write_bytes(data)

    with pytest.raises(ArchiveError) as refused:
        read(tmp_path / "archive")
    assert "\n" not in str(refused.value) and str(tmp_path) in str(refused.value)


@pytest.mark.parametrize("path", ["missing.tar.xz", "with\0nul", "/dev/null"])
def test_a_path_without_an_archive_is_refused(tmp_path, path):
    with pytest.raises(ArchiveError):
        read(os.path.join(tmp_path, path))


def test_a_list_of_unpublished_records_that_cannot_be_read_stops_the_import(tmp_path):
    write_xz(tmp_path / "archive", [*FILES.items(), ("NO_PUBLISH.json", b" " * 2_000_000)])

    with open_archive(tmp_path / "archive") as archive, pytest.raises(ArchiveError, match="NO_PUBLISH"):
        archive.no_publish()


def test_nothing_is_unpacked_beside_the_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    write_xz(tmp_path / "archive", FILES.items())

    with open_archive(tmp_path / "archive") as archive:
        assert list(archive.files("pycon-2019"))
        assert os.listdir(tmp_path) == ["archive"]


def attempt(data):
    """Read `data` as an archive; the only exception may be ArchiveError."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            return read(file.name)
        except ArchiveError:
            return None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([b"", b"\xfd7zXZ\0", b"\x1f\x8b\x08\0", b"PK\x03\x04"]), st.binary(max_size=3000))
def test_random_bytes_raise_nothing_else_and_hold_nothing(start, data):
    found = attempt(start + data)

    assert found is None or found[0] == {}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_a_random_tar_raises_nothing_else_and_holds_nothing(data):
    found = attempt(gzip.compress(data))

    assert found is None or found[0] == {}


def packed(write):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "archive"), FILES.items())
        return Path(folder, "archive").read_bytes()


WHOLE = {kind: packed(write) for kind, write in PACKED.items()}


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_damaged_archive_raises_nothing_else(kind, data):
    archive = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(archive))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_tar_with_damaged_headers_raises_nothing_else(data):
    archive = bytearray(tar(FILES.items()))
    block = 512 * data.draw(st.integers(0, len(archive) // 512 - 1))
    for _ in range(data.draw(st.integers(1, 4))):
        archive[block + data.draw(st.integers(0, 511))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # a checksum that fits, so that the rest of the header is looked at
        total = sum(archive[block : block + 148]) + 8 * 32 + sum(archive[block + 156 : block + 512])
        archive[block + 148 : block + 156] = b"%06o\0 " % total
    attempt(gzip.compress(bytes(archive)))


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_a_random_name_is_read_only_within_the_layout(name):
    found = attempt(gzip.compress(tar([(name.encode("utf-8", "replace").decode(), b"{}")])))
    for event, files in (found[0] if found else {}).items():
        assert all(file.startswith(f"{event}/") and ".." not in file.split("/") for file in files)
