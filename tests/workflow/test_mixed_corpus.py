"""A corpus of everything at once, from its sources to a model: packed lines, a URL, parquet and a callable, cleaned,
without near-duplicates, mixed by weights."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from tests.pretrain import lab

RECIPE = """
corpora:
  mixed:
    sources:
      - {{name: letters, files: data/letters.jsonl.zst, template: "{{who}}: {{text}}", weight: 2, license: CC0-1.0}}
      - {{name: web, url: "http://127.0.0.1:{port}/page.html", format: txt, clean: [html], weight: 1, language: en}}
      - {{name: table, files: data/table.parquet, weight: 1}}
      - {{name: own, python: "own_rows:load", weight: 1}}
    validation: {{name: held, files: data/held.txt, unit: line}}
    clean: [whitespace, personal_data, {{step: length, min_chars: 5}}]
    deduplicate: {{documents: near, check_splits: near}}
tokenizers: {{t: {{corpus: mixed, kind: byte_level_bpe, vocab_size: 300}}}}
models:
  m: {{corpus: mixed, tokenizer: t, architecture: gpt2, hidden_size: 8, sequence_length: 16, steps: 4}}
"""


@pytest.fixture
def port(tmp_path):
    body = ("<html><script>no</script><p>" + "</p><p>".join(lab.sentences(40, start=100)) + "</p></html>").encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_from_sources_to_a_model(make_workspace, port, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    workspace = make_workspace()
    folder = workspace.folder
    (folder / "data").mkdir(exist_ok=True)
    letters = [{"who": "Ida", "text": text} for text in lab.sentences(60)]
    letters += [{"who": "Ida", "text": lab.sentences(1)[0] + " "}, {"who": "x", "text": "to a@b.org"}]
    packed = "".join(json.dumps(row) + "\n" for row in letters).encode()
    (folder / "data/letters.jsonl.zst").write_bytes(pyarrow.Codec("zstd").compress(packed, asbytes=True))
    pyarrow.parquet.write_table(
        pyarrow.table({"text": [f"Once {text}" for text in lab.sentences(30, 150)]}), folder / "data/table.parquet"
    )
    (folder / "data/held.txt").write_text("\n".join(lab.sentences(20, start=70)))
    (folder / "own_rows.py").write_text(
        "def load():\n    yield from (f'A row, number {at}, of mine.' for at in range(50))\n"
    )
    (folder / "mixed.yaml").write_text(RECIPE.format(port=port))
    workspace.snakemake("--cores", "2", "--configfile", "mixed.yaml")
    corpus = manifest(folder, "fetch_corpus")
    assert set(corpus["sources"]) == {"held", "letters", "web", "table", "own"}
    assert corpus["sources"]["web"]["documents"] == {"train": 1} and corpus["dropped"]["duplicates"] >= 1
    assert corpus["cleaning"][0]["step"] == "html" and corpus["documents"]["validation"] == 20
    model = manifest(folder, "pretrain")
    assert list(model["validation_by_source"]) == ["held"]
    lock = yaml.safe_load((folder / "mixed.sources.yaml").read_text())
    assert list(lock) == [f"http://127.0.0.1:{port}/page.html"]
    assert "nothing to be done" in workspace.snakemake("--cores", "2", "--configfile", "mixed.yaml").lower()
    assert "letters" in next(folder.glob("results/report/*/report.html")).read_text()


def manifest(folder: Path, stage: str):
    (path,) = folder.glob(f"results/{stage}/*/manifest.json")
    return json.loads(path.read_text())["headline"]
