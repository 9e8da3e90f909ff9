"""Data sets of the Hub, from a stand-in for it on this machine."""

import http.server
import json
import os
import subprocess
import sys
import threading

import pytest
import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LINES = b'{"text": "one", "n": 1}\n{"text": "two", "n": 2}\n'
READ = """
import json, sys
from snakelm.core.errors import UserError
from snakelm.readers.config import SourceConfig
from snakelm.readers.rows import read_rows
try:
    print(json.dumps(list(read_rows(SourceConfig(**json.loads(sys.argv[1]))))))
except UserError as error:
    print(json.dumps(str(error)))
"""


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        entry = {"type": "file", "path": "data.jsonl", "size": len(LINES), "oid": "a" * 40}
        about = {"id": "a/b", "sha": COMMIT, "siblings": [{"rfilename": "data.jsonl"}], "private": False, "tags": []}
        if path.startswith("/api/datasets/a/b/tree/"):
            self.answer([entry])
        elif path.startswith("/api/datasets/a/b/paths-info/"):
            wanted = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self.answer([entry] if "data.jsonl" in wanted else [])
        elif path in ("/api/datasets/a/b", f"/api/datasets/a/b/revision/{COMMIT}", "/api/datasets/a/b/revision/main"):
            self.answer(about)
        elif path == f"/datasets/a/b/resolve/{COMMIT}/data.jsonl":
            self.answer(LINES, **{"ETag": '"e"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"})
        else:
            code = "EntryNotFound" if "/a/b" in path else "RepoNotFound"
            self.answer({"error": "not found"}, 404, **{"X-Error-Code": code})

    do_HEAD = do_POST = do_GET

    def answer(self, body, code=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked = []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def read(server, folder, offline=False, **source):
    environment = {
        "PATH": os.environ["PATH"], "HF_HOME": str(folder / "hf"), "no_proxy": "127.0.0.1",
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "1" if offline else "0",
    }  # fmt: skip
    command = [sys.executable, "-c", READ, json.dumps(source)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_rows_of_the_commit_that_was_found_first(hub, tmp_path):
    lock = tmp_path / "r.sources.yaml"
    rows = [{"text": "one", "n": 1}, {"text": "two", "n": 2}]
    assert read(hub, tmp_path, hub={"name": "a/b"}, lock=str(lock)) == rows
    assert yaml.safe_load(lock.read_text()) == {"hub:a/b": f"commit {COMMIT}"}
    assert read(hub, tmp_path, hub={"name": "a/b", "streaming": True}, lock=str(lock)) == rows
    assert read(hub, tmp_path, offline=True, hub={"name": "a/b"}, lock=str(lock)) == rows, "the cache has it"
    lock.write_text(f"hub:a/b: commit {'f' * 40}\n")
    assert f"hub: a/b has no commit {'f' * 40}" in read(hub, tmp_path, hub={"name": "a/b"}, lock=str(lock))


def test_unknown_names_and_offline_mode_are_one_line(hub, tmp_path):
    said = read(hub, tmp_path, hub={"name": "a/none"})
    assert "hub: a/none cannot be loaded (no dataset of this name is on the Hub" in said
    said = read(hub, tmp_path, offline=True, hub={"name": "a/b"})
    assert said.startswith("hub: a/b cannot be loaded (") and "offline" in said.lower() and "\n" not in said
