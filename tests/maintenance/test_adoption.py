"""Adopting real folders: what is taken, what is refused, and that everything below is made of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from snakelm.core.errors import UserError
from snakelm.maintenance.adoption import adopt as take
from snakelm.runs.records import Circumstance
from snakelm.runs.store import Store, content_digest, file_table, read_manifest
from snakelm.workflow.rules import read_plan

ROOT = Path(__file__).resolve().parents[2]
TINY = "tests/recipes/tiny.yaml"


@pytest.fixture(scope="module")
def source(make_workspace: Any) -> Any:
    """A workspace with the tiny recipe's tokenizer made, and folders to adopt: model and tokenizer."""
    made = make_workspace()
    shutil.copytree(ROOT / "tests" / "recipes", made.folder / "tests" / "recipes")
    made.snakemake("--configfile", TINY, "--config", "only=save_tokenizer:*")
    (tokenizer,) = (made.folder / "results" / "save_tokenizer").glob("bpe-*")
    shutil.copytree(tokenizer, made.folder / "mine" / "tokenizer")
    save_model(made.folder / "mine" / "model", tokenizer)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, made.folder / "mine" / "model")
    return made


def save_model(folder: Path, tokenizer: Path, **changes: Any) -> None:
    from transformers import AutoTokenizer

    from snakelm.architectures.build import build_model
    from snakelm.architectures.config import ArchitectureConfig

    sizes = {"architecture": "gpt2", "hidden_size": 16, "layers": 1, "heads": 2, "sequence_length": 32}
    build_model(
        ArchitectureConfig(**sizes | changes), AutoTokenizer.from_pretrained(tokenizer), seed=7
    ).save_pretrained(folder)


@pytest.fixture
def here(source: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    saved = source.folder.with_name("saved")
    shutil.copytree(source.folder, saved, symlinks=True)
    monkeypatch.chdir(source.folder)
    yield source
    shutil.rmtree("results")
    shutil.rmtree("mine")
    for name in ("results", "mine"):
        (saved / name).rename(name)
    shutil.rmtree(saved)


def adopt(entry: str, folder: str, link: bool = False) -> None:
    take(read_plan([TINY], {}, Store()), entry, Path(folder), link)


def run_of(stage: str) -> Any:
    (run,) = read_plan([TINY], {}, Store()).of(stage)
    return run


def sums(folder: str | Path) -> dict[str, str]:
    return {name: entry.sha256 for name, entry in file_table(Path(folder)).items()}


def test_an_adopted_model_is_the_run_of_its_entry(here: Any) -> None:
    planned = run_of("pretrain")
    assert not planned.done
    adopt("pretrain:tiny", "mine/model")
    run = run_of("pretrain")
    assert run.done and (run.id, run.folder) == (planned.id, planned.folder)
    assert sums(run.folder).items() >= sums("mine/model").items()
    manifest = read_manifest(run.folder)
    assert manifest.adopted == sums(run.folder)
    assert manifest.content == content_digest(file_table(run.folder))
    assert manifest.circumstance.adopted["from"] == str(Path("mine/model").resolve())
    assert str(here.folder) not in repr(replace(manifest, circumstance=Circumstance()))
    assert Path("results/latest/pretrain/tiny/model.safetensors").exists()
    assert not list(Path("results/.work/pretrain").glob("*/"))
    (line,) = (
        line for line in json.loads(here.snakelm("plan", "--json", "--configfile", TINY)) if line["stage"] == "pretrain"
    )
    assert line["state"] == "done"


def test_its_manifest_has_what_a_made_one_has(here: Any) -> None:
    adopt("pretrain:tiny", "mine/model")
    folders = [run_of(stage).folder for stage in ("save_tokenizer", "pretrain")]
    made, adopted = (json.loads((folder / "manifest.json").read_text()) for folder in folders)
    assert set(adopted) == set(made) | {"adopted"}
    assert set(made["circumstance"]) - set(adopted["circumstance"]) == {"seconds", "threads"}


def test_everything_below_is_made_of_the_adopted_model(here: Any) -> None:
    adopt("pretrain:tiny", "mine/model")
    jobs = here.scheduled("--configfile", TINY)
    assert {stage for stage, _ in jobs} == {"finetune", "evaluate", "report"}
    here.snakemake("--configfile", TINY)
    assert "Nothing to be done" in here.snakemake("--configfile", TINY)
    assert sums(run_of("pretrain").folder).items() >= sums("mine/model").items()


def test_the_command_says_what_it_did_or_why_not(here: Any) -> None:
    command = ("adopt", "pretrain:tiny", "mine/model", "--configfile", TINY)
    assert f"adopted as {run_of('pretrain').folder}" in here.snakelm(*command)
    again = here.snakelm(*command, code=1)
    assert again.count("\n") == 1 and "is complete already" in again


def test_an_adopted_tokenizer_is_the_run_of_its_entry(here: Any) -> None:
    shutil.rmtree("results")
    adopt("save_tokenizer:bpe", "mine/tokenizer")
    run = run_of("save_tokenizer")
    assert run.done and read_manifest(run.folder).headline["vocab_size"] == 320
    here.snakemake("--configfile", TINY, "--config", "only=encode_corpus:*")
    assert sums(run_of("save_tokenizer").folder) == sums("mine/tokenizer")


def test_what_an_adopted_run_was_not_made_of_is_not_made_for_it(here: Any) -> None:
    shutil.rmtree("results")
    adopt("save_tokenizer:bpe", "mine/tokenizer")
    jobs = here.scheduled("--configfile", TINY)
    assert not {stage for stage, _ in jobs} & {"train_tokenizer", "save_tokenizer"}


def test_a_model_without_a_tokenizer_gets_that_of_its_entry(here: Any) -> None:
    for file in Path("mine/model").glob("tokenizer*"):
        file.unlink()
    adopt("pretrain:tiny", "mine/model")
    assert sums(run_of("pretrain").folder)["tokenizer.json"] == sums("mine/tokenizer")["tokenizer.json"]


def test_pickles_and_leftovers_stay_behind(here: Any, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("training_args.bin", "optimizer.pt", "modeling_evil.py", ".hidden", "manifest.json"):
        Path("mine/model", name).write_bytes(b"x")
    Path("mine/model/checkpoint-5").mkdir()
    with caplog.at_level("INFO"):
        adopt("pretrain:tiny", "mine/model")
    assert "left behind: checkpoint-5, manifest.json, modeling_evil.py, optimizer.pt" in caplog.text
    assert set(sums(run_of("pretrain").folder)) <= {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"
    }  # fmt: skip


def test_links_share_the_disk_and_copies_do_not(here: Any) -> None:
    adopt("pretrain:tiny", "mine/model", link=True)
    assert Path(run_of("pretrain").folder, "model.safetensors").samefile("mine/model/model.safetensors")
    shutil.rmtree(run_of("pretrain").folder)
    adopt("pretrain:tiny", "mine/model")
    assert not Path(run_of("pretrain").folder, "model.safetensors").samefile("mine/model/model.safetensors")


def test_a_vocabulary_alone_becomes_a_whole_tokenizer(here: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    Path("bert.yaml").write_text(
        "corpora: {c: {files: tests/recipes/prose.txt, split: none}}\n"
        "tokenizers: {words: {corpus: c, kind: bert_wordpiece, vocab_size: 320, family: bert}}\n"
    )
    plan = read_plan(["bert.yaml"], {}, Store())
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "old", "##er", "the"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    run = take(plan, "save_tokenizer:words", tmp_path)
    for folder in (run, tmp_path):
        assert AutoTokenizer.from_pretrained(folder)("the older")["input_ids"] == [2, 7, 5, 6, 3]
    assert (run / "tokenizer.json").exists() and not (tmp_path / "tokenizer.json").exists()


def test_what_is_complete_is_never_replaced(here: Any) -> None:
    adopt("pretrain:tiny", "mine/model")
    before = sums(run_of("pretrain").folder)
    save_model(Path("mine/model"), Path("mine/tokenizer"), dropout=0.5)
    assert "is complete already" in refused()
    assert sums(run_of("pretrain").folder) == before


def refused(entry: str = "pretrain:tiny", folder: str = "mine/model") -> str:
    """The lines of a refusal; nothing may have changed."""
    before = sorted(path for path in Path("results").rglob("*") if ".work" not in path.parts)
    with pytest.raises(UserError) as error:
        adopt(entry, folder)
    assert sorted(path for path in Path("results").rglob("*") if ".work" not in path.parts) == before
    assert not list(Path("results/.work").glob("*/*/out"))
    return str(error.value)


def test_another_network_is_refused_with_every_difference(here: Any) -> None:
    save_model(Path("mine/model"), Path("mine/tokenizer"), hidden_size=32, layers=2, sequence_length=16)
    printed = refused()
    assert "hidden_size is 32, the recipe says 16" in printed and "layers is 2, the recipe says 1" in printed
    assert "reads 16 positions, the recipe asks for 32" in printed


def test_another_architecture_is_refused(here: Any) -> None:
    shutil.rmtree("mine/model")
    save_model(Path("mine/model"), Path("mine/tokenizer"), architecture="opt")
    assert "architecture is opt, the recipe says gpt2" in refused()


def test_a_smaller_vocabulary_is_refused(here: Any) -> None:
    config = json.loads(Path("mine/model/config.json").read_text(encoding="utf-8"))
    config["vocab_size"] = 300
    Path("mine/model/config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "knows 300 tokens, the tokenizer has 320" in refused()


def test_another_tokenizer_beside_the_model_is_refused(here: Any) -> None:
    file = Path("mine/model/tokenizer.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    vocab = content["model"]["vocab"]
    first, second = list(vocab)[-2:]
    vocab[first], vocab[second] = vocab[second], vocab[first]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert "is not tokenizer bpe" in refused()


def test_pickled_weights_are_refused(here: Any) -> None:
    Path("mine/model/model.safetensors").rename("mine/model/pytorch_model.bin")
    assert "no weights in safetensors" in refused()


def test_missing_and_damaged_weights_are_refused(here: Any) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file("mine/model/model.safetensors")
    weights.pop("transformer.ln_f.weight")
    save_file(weights, "mine/model/model.safetensors", metadata={"format": "pt"})
    assert "weights are not in the folder (transformer.ln_f.weight)" in refused()
    Path("mine/model/model.safetensors").write_bytes(b"garbage")
    assert "the weights cannot be loaded" in refused()


def test_code_beside_a_model_is_not_run(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda *said: "y")
    Path("mine/model/evil.py").write_text("open('ran', 'w')\n", encoding="utf-8")
    config = json.loads(Path("mine/model/config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}
    Path("mine/model/config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "needs code of its own (auto_map), which is never run" in refused()
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("entry", "folder", "line"),
    [
        ("pretrain:tinny", "mine/model", "no such entry; did you mean tiny?"),
        ("finetune:tiny", "mine/model", "write pretrain:<model> or save_tokenizer:<tokenizer>"),
        ("pretrain:tiny", "nowhere", "nowhere: cannot be read as a folder"),
        ("pretrain:tiny", "mine/tokenizer/tokenizer.json", "cannot be read as a folder"),
        ("pretrain:tiny", "mine", "mine: no model can be loaded (it has no config.json); one of these? mine/model"),
        ("pretrain:tiny", "tests", "tests: no model can be loaded (it has no config.json)"),
    ],
)
def test_slips_are_one_line(here: Any, entry: str, folder: str, line: str) -> None:
    assert line in refused(entry, folder)


def test_an_id_that_may_still_change_is_no_place_to_adopt_into(here: Any) -> None:
    """Else the adopted run, and all made of it, would be forgotten once the corpus turns out the same as before."""
    text = Path("tests/recipes/prose.txt")
    before = text.read_bytes()
    text.write_bytes(before.replace(b"\n\n", b"\n\n\n"))
    try:
        for entry, folder in (("save_tokenizer:bpe", "mine/tokenizer"), ("pretrain:tiny", "mine/model")):
            assert "fetch_corpus prose is not made yet" in refused(entry, folder)
            assert "only=fetch_corpus:prose" in refused(entry, folder)
        here.snakemake("--configfile", TINY, "--config", "only=fetch_corpus:prose")
        adopt("pretrain:tiny", "mine/model")
    finally:
        text.write_bytes(before)
    assert run_of("pretrain").done


def test_a_refusal_names_the_folder_and_leaves_nothing(here: Any) -> None:
    shutil.rmtree(run_of("save_tokenizer").folder)
    Path("mine/tokenizer/tokenizer.json").write_text("{")
    assert "mine/tokenizer: no tokenizer can be loaded" in refused("save_tokenizer:bpe", "mine/tokenizer")
    assert not Store().work("save_tokenizer", run_of("save_tokenizer").id).exists()


def test_a_model_needs_its_tokenizer_first(here: Any) -> None:
    shutil.rmtree(run_of("save_tokenizer").folder)
    assert "only=save_tokenizer:bpe" in refused()
