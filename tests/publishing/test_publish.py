"""Publishing to a stand-in of the Hub: what is pushed, what stays here, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from tests.publishing.hub import TOKEN, Hub, Repository
from tests.workspace import Workspace

GIVEN = ("--configfile", "r.yaml")
TOKENIZER = {"merges.txt", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"}
MODEL = {"README.md", "config.json", "generation_config.json", "model.safetensors"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")  # git-LFS, which the stand-in speaks
        monkeypatch.setenv("HOME", str(tmp_path))
        yield hub


@pytest.fixture
def copy(here: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The finished workspace, to be spoilt."""
    shutil.copytree(here.folder, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy")
    workspace = Workspace.__new__(Workspace)
    workspace.folder = tmp_path / "copy"
    return workspace


def test_dry_by_default(here: Workspace, hub: Hub) -> None:
    printed = here.snakelm("publish", "pretrain:tiny", "--to", "me/tiny", "--private", *GIVEN)
    assert "to the private repository me/tiny" in printed and printed.endswith("nothing was pushed; --push does it\n")
    assert all(f"  {name} " in printed for name in MODEL | TOKENIZER) and "samples.txt" not in printed
    assert '"text-generation", "me/tiny")' in printed, "the card is not shown"
    assert hub.requests == [] and hub.repositories == {}


def test_a_model_is_pushed_whole_and_alone(here: Workspace, hub: Hub, latest, tmp_path: Path) -> None:
    printed = here.snakelm(
        "publish", "pretrain:tiny", "--to", "me/tiny", "--private", "--license", "mit", "--push", *GIVEN
    )
    assert f"pushed: {hub.url}/me/tiny/commit/1" in printed and TOKEN not in printed
    repository = hub.repositories["me/tiny"]
    folder = latest("pretrain", "tiny")
    assert repository.private and len(repository.commits) == 1 and "tiny" in repository.commits[0]
    assert set(repository.files) == MODEL | TOKENIZER
    for name in repository.files.keys() - {"README.md"}:
        assert repository.files[name] == (folder / name).read_bytes()
    card = ModelCard(repository.files["README.md"].decode())
    assert card.data.license == "mit" and card.data.eval_results and "me/tiny" in card.text
    everything = b"".join(repository.files.values())
    assert str(here.folder).encode() not in everything and TOKEN.encode() not in everything
    pushed = tmp_path / "pushed"
    pushed.mkdir()
    for name, content in repository.files.items():
        (pushed / name).write_bytes(content)
    here.python("-c", f"from transformers import AutoModelForCausalLM as A; A.from_pretrained({str(pushed)!r})")


def test_a_head_of_ours_is_pushed_with_its_code_and_no_predictions(here: Workspace, hub: Hub) -> None:
    here.snakelm("publish", "finetune:masked.pooled.pretrained.s1", "--to", "me/pooled", "--push", *GIVEN)
    files = hub.repositories["me/pooled"].files
    assert not hub.repositories["me/pooled"].private
    (module,) = {place.partition(".")[0] for place in json.loads(files["config.json"])["auto_map"].values()}
    assert f"{module}.py" in files and "model.safetensors" in files and "tokenizer.json" in files
    assert not [name for name in files if "prediction" in name or "manifest" in name or name.endswith(".tsv")]


def test_a_tokenizer_is_pushed_without_its_archive(here: Workspace, hub: Hub) -> None:
    here.snakelm("publish", "save_tokenizer:bpe", "--to", "me/bpe", "--push", *GIVEN)
    assert set(hub.repositories["me/bpe"].files) == TOKENIZER | {"README.md"}


def test_what_the_hub_refuses_is_one_line_without_the_token(here: Workspace, hub: Hub, monkeypatch) -> None:
    push = ("publish", "pretrain:tiny", "--push", *GIVEN)
    printed = here.snakelm(*push, "--to", "forbidden/tiny", code=1)
    assert "forbidden/tiny: the Hub refused (403)" in printed and printed.count("\n") < 15
    hub.repositories["me/open"] = Repository(private=False)
    printed = here.snakelm(*push, "--to", "me/open", "--private", code=1)
    assert "me/open: exists, and is public" in printed and hub.repositories["me/open"].files == {}
    monkeypatch.setenv("HF_TOKEN", wrong := "hf_" + "w" * 30)
    printed = here.snakelm(*push, "--to", "me/tiny", code=1)
    assert "(401)" in printed and "hf auth login" in printed and wrong not in printed
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    printed = here.snakelm(*push, "--to", "me/tiny", code=1)
    assert "me/tiny: the Hub cannot be reached" in printed and "Traceback" not in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pretrain:tinny", "--to", "me/x"), "did you mean tiny?"),
        (("evaluate:tiny", "--to", "me/x"), "write pretrain:<model>"),
        (("finetune:tiny.topic.majority.s1", "--to", "me/x"), "nothing to publish"),
        (("pretrain:tiny", "--to", "x"), "write owner/name"),
        (("pretrain:tiny", "--to", "me/x y"), "--to me/x y: "),
    ],
)
def test_what_cannot_be_published(here: Workspace, hub: Hub, arguments: tuple[str, ...], said: str) -> None:
    printed = here.snakelm("publish", *arguments, "--push", *GIVEN, code=1)
    assert said in printed and "Traceback" not in printed and hub.requests == []


def test_a_damaged_run_is_refused(copy: Workspace, hub: Hub) -> None:
    weights = next(Path("results/pretrain").glob("tiny-*")) / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-100:] = bytes(100)
    weights.write_bytes(data)
    printed = copy.snakelm("publish", "pretrain:tiny", "--to", "me/tiny", "--push", *GIVEN, code=1)
    assert "model.safetensors: is damaged" in printed and "snakelm verify" in printed and hub.requests == []


def test_a_card_edited_by_hand_is_pushed_unless_it_holds_what_must_stay(copy: Workspace, hub: Hub) -> None:
    folder = next(Path("results/pretrain").glob("tiny-*"))
    card = folder / "README.md"
    card.write_text(card.read_text().replace("## Limits", "My own words.\n\n## Limits"))
    push = ("publish", "pretrain:tiny", "--to", "me/tiny", "--push", *GIVEN)
    copy.snakelm(*push)
    pushed = hub.repositories["me/tiny"].files["README.md"].decode()
    assert "My own words." in pushed and '"text-generation", "me/tiny")' in pushed and "snakelm card" not in pushed
    requests = len(hub.requests)
    for secret, said in ((str(copy.folder / "data.txt"), "a path of this machine"), ("hf_" + "a" * 30, "a token")):
        card.write_text(card.read_text() + f"\n{secret}\n")
        assert said in copy.snakelm(*push, code=1) and len(hub.requests) == requests
        card.write_text(card.read_text().replace(secret, ""))
    card.write_text("---\n: [\n---\nmine\n")
    assert "metadata cannot be read" in copy.snakelm(*push, code=1) and len(hub.requests) == requests
