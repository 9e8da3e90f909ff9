"""Names that lead out of the recipe: `~/folder` means the home folder wherever a path may stand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from snakelm.architectures.outside import read_config
from snakelm.core import plugins
from snakelm.core.errors import UserError
from snakelm.core.outside import folder_of
from snakelm.readers.config import SourceConfig
from snakelm.readers.rows import read_rows
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import fingerprint_outside


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home" / "model").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_what_is_a_folder_and_what_is_a_name_on_the_hub(home: Path) -> None:
    assert folder_of("~/model") == home / "model" and folder_of("~/nosuch") == home / "nosuch"
    assert folder_of("./nosuch") == Path("nosuch") and folder_of("a/b/c") == Path("a/b/c")
    assert folder_of("owner/name") is None and folder_of("home/model") == Path("home/model")


def test_the_home_folder_is_meant_wherever_a_path_may_stand(home: Path) -> None:
    (home / "model" / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_embd": 8, "n_head": 2}))
    assert read_config("~/model").n_embd == 8
    assert list(fingerprint_outside("~/model", FileDigests())) == [str(home / "model" / "config.json")]
    (home / "text.txt").write_text("yes")
    for source in (
        {"files": "~/text.txt"},
        {"url": "http://localhost/x.txt", "cache": "~/text.txt", "sha256": hashlib.sha256(b"yes").hexdigest()},
    ):
        assert [row["text"] for row in read_rows(SourceConfig(**source))] == ["yes"]
    (home / "mine_at_home.py").write_text("found = True")
    assert plugins.load(["~/mine_at_home.py"])[0].found


@pytest.mark.parametrize("name", ["mine_leaves.py", "mine_leaves"])
def test_a_plugin_that_leaves_is_one_line(name: str) -> None:
    Path("mine_leaves.py").write_text("import sys; sys.exit('enough')")
    with pytest.raises(UserError, match=rf"plugins: {name}: importing it raised SystemExit: enough"):
        plugins.load([name])
