"""What is packed: xz, zstd, Arrow, archives with their traps, web archives, bombs."""

import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
import time
import zipfile
from pathlib import Path

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from snakelm.core.errors import UserError
from snakelm.fetch_corpus.config import TextSource
from snakelm.readers import opening
from snakelm.readers.config import SourceConfig
from snakelm.readers.rows import read_rows

LINES = "".join(json.dumps({"text": f"line {at}"}) + "\n" for at in range(1000)).encode()


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, content):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def rows(**config):
    return list(read_rows(SourceConfig(**config)))


def refused(**config):
    with pytest.raises(UserError) as error:
        rows(**config)
    assert len(error.value.lines) == 1
    return str(error.value)


def zstd(content):
    return pyarrow.Codec("zstd").compress(content, asbytes=True)


@pytest.mark.parametrize(("suffix", "pack", "called"), [("xz", lzma.compress, "xz"), ("zst", zstd, "zstd")])
def test_packed_files_are_known_by_their_content(suffix, pack, called):
    packed = pack(LINES)
    write(f"a.jsonl.{suffix}", packed)
    write("b.jsonl", packed + pack(b'{"text": "second stream"}\n'))
    found = rows(files=f"a.jsonl.{suffix}", sha256=hashlib.sha256(packed).hexdigest())
    assert len(found) == 1000 and found[999]["text"] == "line 999"
    assert rows(files="b.jsonl")[-1] == {"text": "second stream"}
    write("c.jsonl", packed[:-40])
    assert f"c.jsonl: damaged or truncated {called} file" in refused(files="c.jsonl")
    write("d.jsonl", packed[:30] + b"\0\0\0\0\0\0\0\0" + packed[38:])
    assert f"d.jsonl: damaged or truncated {called} file" in refused(files="d.jsonl")


def test_arrow_files_and_streams():
    table = pyarrow.table({"text": [f"t{at}" for at in range(600)], "n": list(range(600))})
    with pyarrow.ipc.new_file("a.arrow", table.schema) as writer:
        writer.write_table(table)
    with pyarrow.ipc.new_stream("b.arrow", table.schema) as writer:
        writer.write_table(table)
    for name in "ab":
        found = rows(files=f"{name}.arrow")
        assert len(found) == 600 and found[599] == {"text": "t599", "n": 599} and found[599].line == 600
    write("c.arrow", Path("b.arrow").read_bytes()[:500])
    assert "c.arrow: not an Arrow file that can be read" in refused(files="c.arrow")
    write("d.parquet", b"PAR1 and nothing more")
    assert "d.parquet: not a parquet file that can be read" in refused(files="d.parquet")


def test_members_of_archives_are_read_like_files():
    pyarrow.parquet.write_table(pyarrow.table({"text": ["from parquet"]}), "p.parquet")
    files = {
        "in/b.jsonl.gz": gzip.compress(b'{"text": "b"}\n'), "in/a.txt": b"a\n",
        "p.parquet": Path("p.parquet").read_bytes(),
        "__MACOSX/._a.txt": b"\0", ".hidden": b"x",
    }  # fmt: skip
    with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("in")
        for name, content in files.items():
            archive.writestr(name, content)
    for name, mode in (("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tar.xz", "w:xz")):
        with tarfile.open(name, mode) as archive:
            for member, content in files.items():
                info = tarfile.TarInfo(member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    write("a.tar.zst", zstd(Path("a.tar").read_bytes()))
    for name in ("a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tar.zst"):
        found = list(read_rows(TextSource(files=name, sha256=hashlib.sha256(Path(name).read_bytes()).hexdigest())))
        texts = [row["text"] for row in found]
        assert texts == (["a\n", "b", "from parquet"] if name == "a.zip" else ["b", "a\n", "from parquet"]), name
        assert found[texts.index("b")].where == f"{name}/in/b.jsonl.gz line 1"
        assert rows(files=name, members="in/*.txt") == [{"text": "a\n"}]
        assert "no file matches members: *.csv; it holds in/" in refused(files=name, members="*.csv")
        assert f"{name}: holds " in (said := refused(files=name)) and "say by members which are meant" in said
        assert f"{name}/.hidden: unknown format" in refused(files=name, members=".hid*")
    assert not [name for name in os.listdir() if name.startswith("member-")]


@pytest.mark.parametrize("name", ["../out.txt", "/etc/passwd", "in/../../out.txt", "C:\\out.txt", "..\\out.txt"])
def test_members_that_point_outside_are_refused(name):
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "x")
    info = tarfile.TarInfo(name)
    with tarfile.open("a.tar", "w") as archive:
        archive.addfile(info, io.BytesIO(b""))
    for archive in ("a.zip", "a.tar"):
        assert "points outside the archive" in refused(files=archive)


def test_links_are_never_followed():
    for target, said in (("../secret", "points outside the archive"), ("a.txt", "")):
        link, plain = tarfile.TarInfo("in/link.txt"), tarfile.TarInfo("in/a.txt")
        link.type, link.linkname, plain.size = tarfile.SYMTYPE, target if said == "" else "../" + target, 1
        with tarfile.open("a.tar", "w") as archive:
            archive.addfile(plain, io.BytesIO(b"x"))
            archive.addfile(link)
        if said:
            assert said in refused(files="a.tar")
        else:
            assert rows(files="a.tar") == [{"text": "x"}]


def test_damaged_archives():
    write("a.zip", b"PK\3\4 not a zip")
    assert "a.zip: damaged or truncated zip archive" in refused(files="a.zip")
    with zipfile.ZipFile("b.zip", "w") as archive:
        archive.writestr("a.txt", "hello hello")
    broken = bytearray(Path("b.zip").read_bytes())
    broken[broken.index(b"hello")] ^= 1
    write("b.zip", bytes(broken))
    assert "b.zip/a.txt: damaged or truncated member of an archive (Bad CRC-32" in refused(files="b.zip")
    write("c.tar", b"x" * 2000)
    assert "c.tar: damaged or truncated tar archive" in refused(files="c.tar")
    with tarfile.open("d.tar.gz", "w:gz") as archive:
        archive.add("a.zip")
    write("d.tar.gz", Path("d.tar.gz").read_bytes()[:-20])
    assert "d.tar.gz: damaged or truncated gzip file" in refused(files="d.tar.gz")


def test_decompression_bombs_are_bounded(monkeypatch):
    monkeypatch.setattr(opening, "MOST_BYTES", 1 << 20)
    zeros = b" " * (8 << 20)
    write("a.txt.gz", gzip.compress(zeros))
    write("b.txt.xz", lzma.compress(zeros))
    write("c.txt.zst", zstd(zeros))
    with zipfile.ZipFile("d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d.txt", zeros)
    write("e.tar.gz", b"")
    with tarfile.open("e.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("e.txt")
        info.size = len(zeros)
        archive.addfile(info, io.BytesIO(zeros))
    for name in ("a.txt.gz", "b.txt.xz", "c.txt.zst", "d.zip", "e.tar.gz"):
        assert "over 250 times as many" in refused(files=name), name
    write("f.txt.gz", gzip.compress(zeros[: 1 << 19]))
    assert rows(files="f.txt.gz"), "small files may be packed as tightly as they can"


def test_a_file_that_changes_while_it_is_read():
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"] * 1000}), "a.parquet")
    with pytest.raises(UserError, match="a.parquet: changed while it was read"):
        for number, _ in enumerate(read_rows(SourceConfig(files="a.parquet"))):
            if number == 10:
                time.sleep(0.01)
                os.utime("a.parquet")


def test_web_archives():
    def record(kind, uri, media, body):
        head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Date: 2026-01-02T03:04:05Z\r\n"
        head += f"WARC-Record-ID: <urn:uuid:1>\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body + b"\r\n\r\n"

    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=latin-1\r\n\r\n<p>caf\xe9</p>"
    image = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG"
    records = [
        record("warcinfo", "", "application/warc-fields", b"a: b\r\n"),
        record("response", "http://h/1", "application/http; msgtype=response", page),
        record("response", "http://h/2", "application/http; msgtype=response", image),
        record("conversion", "http://h/3", "text/plain", "plain é".encode()),
    ]
    write("a.warc.gz", b"".join(gzip.compress(each) for each in records))
    write("b.warc.wet", b"".join(records))
    for name in ("a.warc.gz", "b.warc.wet"):
        found = rows(files=name)
        assert [row["text"] for row in found] == ["<p>café</p>", "plain é"]
        assert found[1]["url"] == "http://h/3" and found[1]["date"] == "2026-01-02T03:04:05Z"
    write("c.warc", b"no archive at all\r\n")
    assert "c.warc: not a WARC file that can be read" in refused(files="c.warc")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_not_taken_for_utf8(encoding):
    write("a.txt", "Two households, both alike in dignity — Ærø".encode(encoding))
    for stated in ("utf-8", "latin-1"):
        assert f"set encoding: {encoding}" in refused(files="a.txt", encoding=stated)
    assert rows(files="a.txt", encoding=encoding)[0]["text"].startswith("Two households")
    write("b.txt", "nul \0 within a text")
    assert rows(files="b.txt") == [{"text": "nul \0 within a text"}]


def test_a_byte_that_is_not_text_is_named_by_its_offset():
    write("a.txt", b"caf\xc3\xa9\nfa\xffil\n")
    assert "a.txt line 2: byte ff at 3 (offset 8 of the file) is not utf-8" in refused(files="a.txt")
