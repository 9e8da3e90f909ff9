"""Downloads from a real server on this machine."""

import base64
import gzip
import hashlib
import http.server
import logging
import threading

import pytest

from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.download import fetch_url
from snakelm.readers.rows import read_rows

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
        elif path == "/short":
            self.answer(BODY, length=len(BODY) + 100)
        elif path == "/broken-chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"10\r\nhalf")
        elif path == "/encoded":
            self.answer(BODY, **{"Content-Encoding": "br"})
        elif path.endswith((".txt", ".gz")):
            self.answer(gzip.compress(BODY) if path.endswith(".gz") else BODY)
        else:
            self.answer(b"", 404)

    def answer(self, body, code=200, length=None, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.released = [], threading.Event()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
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
