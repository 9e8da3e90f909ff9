"""A stand-in for the Hugging Face Hub: a real HTTP server with the calls that huggingface_hub makes to push a model.

Files come by git-LFS or in the commit, as on the Hub; the content of an LFS object is held against its sha256. Every
request is kept. The paths are those of huggingface_hub 2.4 (hf_api.py, _commit_api.py, lfs.py).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

TOKEN = "hf_" + "standin" * 4


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)


class Hub:
    """The server and what it holds; use as a context manager."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str]] = []
        """(method, path, Authorization) of each request."""
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._note()
        if found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)", self.path):
            if (repository := self.hub.repositories.get(found[1])) is None:
                return self._answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            return self._answer({"id": found[1], "private": repository.private, "sha": "0" * 40, "siblings": []})
        self._answer({"error": "no such path"}, 404)

    def do_PUT(self) -> None:
        body = self._note()
        oid = self.path.removeprefix("/lfs/")
        if hashlib.sha256(body).hexdigest() != oid:
            return self._answer({"error": "the content is not what its oid says"}, 400)
        self.hub.objects[oid] = body
        self._answer({})

    def do_POST(self) -> None:
        body = self._note()
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self._answer({"error": "Invalid credentials in Authorization header"}, 401)
        if self.path == "/api/repos/create":
            return self._create(json.loads(body))
        if self.path == "/api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        if found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/preupload/main", self.path):
            files = json.loads(body)["files"]
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for file in files
            ]
            return self._answer({"files": modes}, 200 if found[1] in self.hub.repositories else 404)
        if self.path.endswith(".git/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        if found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/commit/main", self.path):
            return self._commit(found[1], [json.loads(line) for line in body.splitlines()])
        self._answer({"error": "no such path"}, 404)

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        if wanted["organization"] == "forbidden":
            return self._answer({"error": "You don't have the rights to create a model under this namespace"}, 403)
        if name in self.hub.repositories:
            return self._answer({"error": "You already created this model repo"}, 409)
        self.hub.repositories[name] = Repository(wanted.get("visibility") == "private")
        self._answer({"url": f"{self.hub.url}/{name}", "name": name})

    def _validate(self, content: str) -> None:
        """What the Hub refuses: metadata that is no YAML mapping, and a model-index without its parts."""
        try:
            metadata = yaml.safe_load(content.split("---\n")[1])
            for model in metadata.get("model-index", []):
                for result in model["results"]:
                    assert result["task"]["type"] and result["dataset"]["type"] and result["dataset"]["name"]
                    assert all(metric["type"] and metric["value"] is not None for metric in result["metrics"])
        except (yaml.YAMLError, AttributeError, KeyError, IndexError, AssertionError) as error:
            return self._answer({"errors": [{"message": f"invalid metadata: {error!r}"}], "warnings": []}, 400)
        self._answer({"errors": [], "warnings": []})

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = [
            {
                **one,
                "actions": {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}", "header": {}}},
            }
            for one in wanted["objects"]
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        repository = self.hub.repositories[name]
        for line in lines:
            value = line["value"]
            match line["key"]:
                case "header":
                    repository.commits.append(value["summary"])
                case "file":
                    repository.files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    repository.files[value["path"]] = self.hub.objects[value["oid"]]
        self._answer({"commitUrl": f"{self.hub.url}/{name}/commit/1", "commitOid": "1" * 40})

    def _note(self) -> bytes:
        self.hub.requests.append((self.command, self.path, self.headers["Authorization"] or ""))
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for header, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(header, text)
        self.end_headers()
        self.wfile.write(body)
