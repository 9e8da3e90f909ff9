"""Downloads from a real server on this machine."""

import base64
import gzip
import hashlib
import http.server
import logging
import threading

import pytest
import yaml

from snakelm.core.errors import UserError
from snakelm.readers import download
from snakelm.readers.config import SourceConfig
from snakelm.readers.download import fetch_url
from snakelm.readers.rows import read_rows
from snakelm.recipe.loading import load

BODY = b"Two households,\r\nboth alike\r\n" * 1000
SUM = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        path = self.path.partition("?")[0]
        if path == "/slow":
            self.server.released.wait(30)
        elif path == "/moved":
            self.answer(b"", 302, Location=self.server.target)
        elif path == "/round":
            self.answer(b"", 302, Location="/round")
        elif path == "/forbidden":
            self.answer(b"", 403)
        elif path == "/busy.txt" and len(self.server.asked) < 3:
            self.answer(b"", 503)
        elif path == "/flaky.txt":
            self.flaky()
        elif path == "/short":
            self.answer(BODY, length=len(BODY) + 100)
        elif path == "/broken-chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"10\r\nhalf")
            self.close_connection = True
        elif path == "/encoded":
            self.answer(BODY, **{"Content-Encoding": "br"})
        elif path.endswith((".txt", ".gz")):
            self.answer(gzip.compress(BODY) if path.endswith(".gz") else BODY)
        else:
            self.answer(b"", 404)

    def flaky(self):
        """Breaks off after 10,000 bytes each time; goes on where it is asked to, if the file is still the same."""
        begin, tag = self.headers.get("Range"), self.server.tag
        begin = int(begin.removeprefix("bytes=").rstrip("-")) if begin else 0
        if begin and self.headers["If-Range"] == tag:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}")
        else:
            begin = 0
            self.send_response(200)
        self.server.begun.append(begin)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(BODY) - begin))
        self.end_headers()
        self.wfile.write(BODY[begin : begin + 10_000])
        self.close_connection = True

    def answer(self, body, code=200, length=None, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.released = [], threading.Event()
    server.begun, server.tag = [], '"first"'
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    server = serve()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def address(server):
    return f"http://127.0.0.1:{server.server_port}"


def test_bytes_arrive_as_they_are(address, tmp_path):
    for name in ("rij.txt", "rij.txt.gz"):
        body = gzip.compress(BODY) if name.endswith("gz") else BODY
        source = SourceConfig(url=f"{address}/some/{name}", sha256=hashlib.sha256(body).hexdigest())
        if name.endswith("gz"):  # its header has the time in it
            source = SourceConfig(url=f"{address}/some/{name}")
        (row,) = read_rows(source, work=tmp_path)
        assert row["text"].encode() == BODY and row.file == name


def test_without_a_sum_the_found_one_is_told(address, tmp_path, caplog):
    logging.getLogger("snakelm").propagate = True
    fetch_url(SourceConfig(url=f"{address}/rij.txt"), tmp_path)
    assert f"has sha256 {SUM}; state it" in caplog.text


def test_a_wrong_sum_names_both_and_leaves_nothing(address, tmp_path):
    with pytest.raises(UserError, match=f"sha256 is {SUM}, but the recipe states {'0' * 64}"):
        fetch_url(SourceConfig(url=f"{address}/rij.txt", sha256="0" * 64), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_cache_stands_for_the_download_and_is_checked_as_well(address, server, tmp_path):
    cache = tmp_path / "rij.txt"
    source = SourceConfig(url=f"{address}/rij.txt", sha256=SUM, cache=str(cache))
    assert list(read_rows(source, work=tmp_path)) and len(server.asked) == 1
    cache.write_bytes(BODY)
    (row,) = read_rows(source, work=tmp_path)
    assert row["text"].encode() == BODY and len(server.asked) == 1
    cache.write_bytes(BODY.replace(b"\r\n", b"\n"))
    with pytest.raises(UserError, match=f"rij.txt: sha256 is .*, but the recipe states {SUM}"):
        list(read_rows(source, work=tmp_path))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/none", "the server answers 404 Not Found"),
        ("/forbidden", "the server answers 403 Forbidden"),
        ("/round", "redirects without end .more than 10."),
        ("/short", "broke off after 29,000 of 29,100 bytes"),
        ("/broken-chunks", "the download broke off"),
        ("/encoded", "encoding br"),
        ("/slow", "no answer for 0.3 s"),
    ],
)
def test_trouble_is_one_line_and_leaves_nothing(address, tmp_path, path, said):
    with pytest.raises(UserError, match=said) as error:
        fetch_url(SourceConfig(url=address + path), tmp_path, timeout=0.3 if path == "/slow" else 30)
    assert address + path in str(error.value) and "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_nobody_listens(server, address, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match="cannot be fetched .Connection refused"):
        fetch_url(SourceConfig(url=f"{address}/rij.txt"), tmp_path)


def test_redirects_are_followed_but_not_out_of_http(server, address, tmp_path):
    server.target = f"{address}/rij.txt"
    assert fetch_url(SourceConfig(url=f"{address}/moved"), tmp_path).stated == SUM
    for target in ("file:///etc/hostname", "ftp://127.0.0.1/x"):
        server.target = target
        with pytest.raises(UserError):
            fetch_url(SourceConfig(url=f"{address}/moved"), tmp_path)


def test_secrets_come_from_the_environment_and_show_nowhere(server, address, tmp_path, monkeypatch, caplog):
    logging.getLogger("snakelm").propagate = True
    monkeypatch.setenv("TRIAL_WORD", "hunter&2")
    host = address.removeprefix("http://")
    other = serve()
    server.target = f"http://127.0.0.1:{other.server_port}/rij.txt"
    source = SourceConfig(url=f"http://me:${{TRIAL_WORD}}@{host}/moved?token=${{TRIAL_WORD}}&x=a b")
    fetch_url(source, tmp_path)
    login = base64.b64encode(b"me:hunter&2").decode()
    assert server.asked == [("/moved?token=hunter%262&x=a%20b", f"Basic {login}")]
    assert other.asked == [("/rij.txt", None)]
    server.target = f"{address}/none?token=hunter%262"
    with pytest.raises(UserError) as error:
        fetch_url(source, tmp_path)
    assert "hunter" not in caplog.text + str(error.value) + str(source.identity())
    monkeypatch.delenv("TRIAL_WORD")
    with pytest.raises(UserError, match="environment variable TRIAL_WORD is not set"):
        fetch_url(source, tmp_path)
    other.shutdown()
    other.server_close()


def test_a_broken_download_goes_on_where_it_stopped(address, server, tmp_path):
    assert fetch_url(SourceConfig(url=f"{address}/flaky.txt"), tmp_path).path.read_bytes() == BODY
    assert server.begun == [0, 10_000, 20_000]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_later_process_goes_on_too_but_not_with_another_file(address, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", ())
    source = SourceConfig(url=f"{address}/flaky.txt", sha256=SUM)
    for _ in range(2):
        with pytest.raises(UserError, match="broke off after"):
            fetch_url(source, tmp_path)
    server.tag = '"second"'
    with pytest.raises(UserError, match="broke off after 10,000 of 29,000 bytes"):
        fetch_url(source, tmp_path)
    assert server.begun == [0, 10_000, 0]
    for _ in range(1):
        with pytest.raises(UserError, match="broke off after 20,000 of 29,000 bytes"):
            fetch_url(source, tmp_path)
    assert fetch_url(source, tmp_path).path.read_bytes() == BODY


def test_a_busy_server_is_asked_again(address, server, tmp_path):
    assert fetch_url(SourceConfig(url=f"{address}/busy.txt"), tmp_path).stated == SUM
    assert len(server.asked) == 3


def test_what_was_found_first_is_held_to(address, server, tmp_path, monkeypatch):
    lock = tmp_path / "recipe.sources.yaml"
    work = tmp_path / "work"
    work.mkdir()
    source = SourceConfig(url=f"{address}/rij.txt", lock=str(lock))
    for _ in range(2):
        assert fetch_url(source, work).stated == SUM
    fetch_url(SourceConfig(url=f"{address}/other/rij.txt", lock=str(lock)), work)
    held = yaml.safe_load(lock.read_text())
    assert held == {f"{address}/rij.txt": f"sha256 {SUM}", f"{address}/other/rij.txt": f"sha256 {SUM}"}
    monkeypatch.setattr("tests.readers.test_download.BODY", b"another text")
    with pytest.raises(UserError, match=f"but was {SUM} at first .*recipe.sources.yaml.; delete that line"):
        fetch_url(source, work)
    lock.write_text("- no map")
    with pytest.raises(UserError, match="recipe.sources.yaml: is not a map"):
        fetch_url(source, work)
    lock.unlink()
    assert fetch_url(source, work).stated != SUM


def test_the_lock_lies_beside_the_recipe_and_enters_no_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/mine.yaml").write_text(
        "corpora:\n  a: {url: 'http://h/a.txt'}\n  b: {sources: [{hub: {name: x/y}}, {url: 'http://h/b.txt'}]}\n"
        f"  c: {{url: 'http://h/c.txt', sha256: {SUM}}}\n  d: {{python: 'a:b', arguments: {{url: x}}}}\n"
    )
    corpora = load(["config/mine.yaml"]).corpora
    lock = str(tmp_path / "config/mine.sources.yaml")
    assert corpora["a"].lock == lock and [source.lock for source in corpora["b"].sources] == [lock, lock]
    assert corpora["c"].lock is None and corpora["d"].arguments == {"url": "x"}
    assert "lock" not in corpora["a"].identity()


def test_the_proxy_of_the_environment_is_used(address, server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", address)
    assert fetch_url(SourceConfig(url="http://nowhere.invalid/rij.txt"), tmp_path).stated == SUM
    assert server.asked[0][0] == "http://nowhere.invalid/rij.txt"
