"""Zip archives are read like files, and bad ones are one line: a bomb, a link, a name that points outside."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import zipfile
from pathlib import Path

import pytest

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.rows import read_rows


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pack(name: str, members: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(name, "w", method) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return name


def rows(**config):
    return list(read_rows(SourceConfig(**config)))


def refused(**config) -> str:
    with pytest.raises(UserError) as error:
        rows(**config)
    assert len(error.value.lines) == 1
    return str(error.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_one_file_in_a_zip_is_read_like_the_file(method):
    table = "text,label\na,1\nb,2\n"
    pack("d.csv.zip", {"d.csv": table, "__MACOSX/._d.csv": "junk", ".DS_Store": "junk", "folder/": ""}, method)
    found = rows(files="d.csv.zip")
    assert found == [{"text": "a", "label": "1"}, {"text": "b", "label": "2"}]
    assert found[1].where == "d.csv.zip/d.csv line 3"
    pack("e.bin", {"SMSSpamCollection": "ham\thello\n"}, method)  # known by its content, whatever it is called
    assert rows(files="e.bin", format="tsv", header=False, column_names=["label", "text"])[0]["text"] == "hello"
    assert "unknown format" in refused(files="e.bin")
    pack("f.zip", {"f.txt.gz": gzip.compress(b"inside")}, method)
    assert rows(files="f.zip") == [{"text": "inside"}]


def test_members_are_chosen_by_glob_in_the_order_of_their_paths():
    names = ["imdb/test/neg/1.txt", "imdb/train/pos/2.txt", "imdb/train/neg/1.txt", "imdb/README"]
    pack("d.zip", {name: name for name in names})
    assert "d.zip: holds 4 files (imdb/README, imdb/test/neg/1.txt, …); say by members which are meant" in refused(
        files="d.zip"
    )
    found = rows(files="d.zip", members="train/*/*.txt")
    assert [row["text"] for row in found] == ["imdb/train/neg/1.txt", "imdb/train/pos/2.txt"]
    assert [row["text"] for row in rows(files="d.zip", members=["neg/*", "README"], format="txt")] == [
        "imdb/README",
        "imdb/test/neg/1.txt",
        "imdb/train/neg/1.txt",
    ]
    assert "d.zip: no file matches members: *.csv; it holds imdb/README, imdb/" in refused(
        files="d.zip", members="*.csv"
    )
    with open("plain.txt", "w") as file:
        file.write("x")
    assert "plain.txt: members is for zip and tar archives, which this is not" in refused(
        files="plain.txt", members="*"
    )


def test_parallel_texts_in_archives():
    pack("a.zip", {"a.txt": "one\ntwo\n"})
    pack("b.zip", {"b.txt": "eins\nzwei\n"})
    assert rows(files=["a.zip", "b.zip"], format="parallel")[1] == {"source": "two", "target": "zwei"}


def test_sums_are_those_of_the_archive():
    digest = hashlib.sha256(Path(pack("d.zip", {"d.txt": "text"})).read_bytes()).hexdigest()
    assert rows(files="d.zip", sha256=digest) == [{"text": "text"}]
    assert "d.zip: sha256 is" in refused(files="d.zip", sha256="0" * 64)
    source = SourceConfig(files="d.zip")
    with pytest.raises(UserError, match=r"d\.zip: changed since this run was planned"):
        list(read_rows(source, {"d.zip": "0" * 64}))


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "C:\\out.txt", "..\\out.txt"])
def test_members_that_point_outside_are_refused(name):
    pack("d.zip", {name: "x", "good.txt": "y"})
    assert "points outside the archive; it is not read" in refused(files="d.zip", members="*.txt")


def test_links_and_secrets_are_refused():
    link = zipfile.ZipInfo("link.txt")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile("d.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "d.zip: link.txt is a link" in refused(files="d.zip")
    content = bytearray(Path(pack("e.zip", {"e.txt": "x"})).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1  # encrypted
    with open("e.zip", "wb") as file:
        file.write(content)
    assert "e.zip: e.txt is encrypted; unpack it and name its files" in refused(files="e.zip")


def test_bombs_are_refused_before_anything_is_read():
    pack("d.zip", {"d.txt": b"0" * 280_000_000})
    said = refused(files="d.zip")  # its stated size is enough
    assert f"d.zip: {Path('d.zip').stat().st_size:,} bytes unpack to more than 280,000,000, over 250 times as" in said
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d.txt", b"0" * 20_000_000)
    pack("small.zip", {"d.txt": b"0" * 20_000_000})  # much, but bounded
    assert len(rows(files="small.zip")[0]["text"]) == 20_000_000
    pack("nested.zip", {"inner.txt": inner.getvalue()})  # archives in archives are not opened
    assert "inner.txt" in refused(files="nested.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_cannot_be_unpacked_in_bounds_is_refused(method):
    pack("d.zip", {"d.txt": b"0" * 1000}, method)
    assert "d.zip: d.txt is compressed by another method than deflate" in refused(files="d.zip")


def test_damage_is_one_line():
    content = Path(pack("d.zip", {"d.txt": "some text " * 50}, zipfile.ZIP_STORED)).read_bytes()
    for name, damaged in {
        "cut.zip": content[:-30],
        "flipped.zip": content.replace(b"some text some", b"some text Some", 1),
        "empty.zip": b"PK\x05\x06" + b"\0" * 18,
    }.items():
        with open(name, "wb") as file:
            file.write(damaged)
    assert "cut.zip: damaged or truncated zip archive" in refused(files="cut.zip")
    assert "flipped.zip/d.txt: damaged or truncated" in refused(files="flipped.zip")
    assert "empty.zip: holds no file" in refused(files="empty.zip")
    pack("latin.zip", {"l.txt": "fine\nÄ".encode("latin-1")})
    assert "latin.zip/l.txt line 2: byte c4 at 1 (offset 5 of the file) is not utf-8" in refused(files="latin.zip")
    pack("t.zip", {"t.parquet": b"PAR1"})
    assert "t.zip/t.parquet: not a parquet file that can be read" in refused(files="t.zip")
