"""Cards: valid metadata, true numbers, code that runs, and runs that do not notice that they have one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from snakelm.planning.plan import Plan
from snakelm.planning.planner import make_plan
from snakelm.publishing.beside import is_edited, write_cards
from snakelm.publishing.card import CardMaker, cell
from snakelm.publishing.loading import auto_class, model_code
from snakelm.publishing.scores import Scores
from snakelm.recipe.command import command_of, shown_path
from snakelm.recipe.loading import load
from snakelm.runs.code import CodeDigests
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import Fingerprints
from snakelm.runs.store import Store

COMMAND = ["snakelm", "run", "--configfile", "r.yaml"]
MODELS = [
    "pretrain/tiny",
    "pretrain/masked",
    "finetune/tiny.topic.pretrained.s1",
    "finetune/masked.pooled.pretrained.s1",
]
TOKENIZERS = ["save_tokenizer/bpe", "save_tokenizer/pieces"]


def plan_of(recipe: str = "r.yaml", **overrides: object) -> Plan:
    return make_plan(load([recipe], overrides), Store(), name="r")


def card_of(plan: Plan, stage: str, name: str, place: str = "me/it") -> str:
    (run,) = [run for run in plan.of(stage) if run.name == name]
    return CardMaker(plan, tuple(COMMAND), Scores(plan)).card(run, place)


def code_in(card: str) -> str:
    return re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)[0]


def test_every_model_and_tokenizer_has_a_card_and_nothing_else_has(here) -> None:
    with_card = {path.parent.name[:-13] for path in Path("results").glob("*/*/README.md")}
    tuned = {f"tiny.topic.{init}.s{seed}" for init in ("pretrained", "random") for seed in (1, 2)}
    assert with_card == {"tiny", "masked", "bpe", "pieces", "masked.pooled.pretrained.s1"} | tuned
    assert not list(Path("results").rglob("*.part"))


@pytest.mark.parametrize("place", [*MODELS, *TOKENIZERS])
def test_the_metadata_is_read_back_as_it_was_written(here, place: str) -> None:
    text = Path("results/latest", place, "README.md").read_text()
    card = ModelCard(text)
    assert str(card) == text and ModelCard(f"---\n{card.data.to_yaml()}\n---\n").data.to_dict() == card.data.to_dict()
    assert card.data.language == ["en"] and card.data.library_name == "transformers" and "snakelm" in card.data.tags
    assert card.data.license is None, "the license of the data is not that of the model"
    expected = {"pretrain/tiny": "text-generation", "pretrain/masked": "fill-mask"}
    if place in MODELS:
        assert card.data.pipeline_tag == expected.get(place, "text-classification") and card.data.eval_results


def test_the_numbers_are_those_of_the_evaluations(here, latest) -> None:
    cell_file = json.loads((latest("evaluate", "tiny.topic.pretrained") / "cell.json").read_text())
    accuracy = cell_file["metrics"]["accuracy"]
    results = ModelCard.load(latest("pretrain", "tiny") / "README.md").data.eval_results
    (found,) = [result for result in results if result.metric_type == "accuracy"]
    assert (found.task_type, found.dataset_name, found.dataset_split) == ("text-classification", "topic", "test")
    assert found.metric_value == accuracy["mean"] and "mean of 2 fine-tunings" in found.metric_name
    assert found.metric_args == {
        "seeds": [1, 2], "mean": accuracy["mean"], "low": accuracy["low"], "high": accuracy["high"], "confidence": 0.95
    }  # fmt: skip
    (own,) = [
        result
        for result in ModelCard.load(latest("finetune", "tiny.topic.pretrained.s2") / "README.md").data.eval_results
        if result.metric_type == "accuracy"
    ]
    assert own.metric_value == accuracy["values"]["2"] and "this seed" in own.metric_name
    headline = json.loads((latest("pretrain", "tiny") / "manifest.json").read_text())["headline"]
    losses = {result.metric_type: result.metric_value for result in results if result.dataset_split == "validation"}
    assert losses["validation_loss"] == round(headline["validation_loss"], 6)
    text = (latest("pretrain", "tiny") / "README.md").read_text()
    assert f"{headline['parameters']:,} parameters" in text and "majority: " in text and "random: " in text


def test_the_code_runs(here, latest) -> None:
    """Of every card, in one process without this library."""
    codes = [code_in((latest(*place.split("/")) / "README.md").read_text()) for place in [*TOKENIZERS, *MODELS]]
    assert sum("trust_remote_code" in code for code in codes) == 1
    Path("loading.py").write_text("\n\n".join(codes))
    printed = here.python("-P", "loading.py")
    Path("loading.py").unlink()
    assert "The old" in printed and "'sequence'" in printed and printed.count("'label'") == 2


def test_the_recipe_in_a_card_makes_the_same_run(here, tmp_path: Path) -> None:
    plan = plan_of()
    for stage, name in (("finetune", "tiny.topic.random.s2"), ("pretrain", "masked"), ("save_tokenizer", "bpe")):
        text = re.findall(r"```yaml\n(.*?)```", card_of(plan, stage, name), flags=re.DOTALL)[0]
        (tmp_path / "again.yaml").write_text(text)
        again = plan_of(str(tmp_path / "again.yaml"))
        assert {run.name: run.id for run in again.of(stage)} == {
            run.name: run.id for run in plan.of(stage) if run.name == name
        }


def test_hostile_text_stays_text(here) -> None:
    text = card_of(plan_of(), "pretrain", "tiny")
    assert "Invented prose \\| for &lt;tests>, [see]\\(http://example.org)" in text
    assert cell("a\n\n# b ![x](y) `c` <script>") == "a # b ![x]\\(y) 'c' &lt;script>"


def test_a_card_shows_no_place_of_this_machine(here) -> None:
    inside, outside = here.folder / "data" / "x.txt", "/home/somebody/secret place/corpus.txt"
    assert shown_path(str(inside)) == "data/x.txt" and shown_path(outside) == "…/corpus.txt" == shown_path(
        "~/corpus.txt"
    )
    assert shown_path("owner/name") == "owner/name"
    assert command_of([str(here.folder / "r.yaml"), outside], {"only": "x", "models": {"a": 1}}) == [
        "snakelm", "run", "--configfile", "r.yaml", "'…/corpus.txt'", "--config", "only=x", """'models={"a": 1}'"""
    ]  # fmt: skip
    absolute = here.folder / "tests" / "recipes" / "prose.txt"
    Path("absolute.yaml").write_text(Path("r.yaml").read_text().replace("tests/recipes/prose.txt", str(absolute)))
    plan = plan_of("absolute.yaml")
    Path("absolute.yaml").unlink()
    from snakelm.publishing.recipe_text import recipe_text

    shown = recipe_text(plan.recipe, plan.of("pretrain")[0].subject)
    assert "- tests/recipes/prose.txt" in shown and str(here.folder) not in shown


def test_what_is_not_stated_is_said(here) -> None:
    Path("bare.yaml").write_text(re.sub(r"    (license|source|language):.*\n", "", Path("r.yaml").read_text()))
    plan = plan_of("bare.yaml")
    Path("bare.yaml").unlink()
    assert all(run.done for run in plan.runs.values() if run.stage != "report"), "a description has made runs stale"
    text = card_of(plan, "pretrain", "tiny")
    assert "tests/recipes/prose.txt (source not stated) | not stated | not stated |" in text
    assert "The license of prose is not stated" in text and ModelCard(text).data.language is None


def test_cards_are_no_part_of_runs(here, latest) -> None:
    folder = latest("pretrain", "tiny")
    assert "README.md" not in json.loads((folder / "manifest.json").read_text())["files"]
    digests = FileDigests(), CodeDigests()
    before, card = Fingerprints(*digests).folder(folder.as_posix()), (folder / "README.md").read_text()
    (folder / "README.md").write_text("other")
    try:
        assert Fingerprints(*digests).folder(folder.as_posix()) == before
        assert here.snakelm("verify", "--configfile", "r.yaml").endswith("all whole\n")
        assert all(run.done for run in plan_of().runs.values())
    finally:
        (folder / "README.md").write_text(card)


def test_cards_are_written_anew_only_where_something_has_changed(here, latest, tmp_path: Path) -> None:
    shutil.copytree("results", tmp_path / "results", symlinks=True)
    plan = make_plan(load(["r.yaml"]), Store(tmp_path / "results"), name="r")
    write_cards(plan, COMMAND)
    assert write_cards(plan, COMMAND) == 0
    card = tmp_path / latest("pretrain", "tiny") / "README.md"
    card.write_text(card.read_text().replace("## Limits", "## Limits\n\n- Mine."))
    assert is_edited(card.read_text())
    other = make_plan(
        load(["r.yaml"], {"corpora": {"prose": {"license": "mit"}}}), Store(tmp_path / "results"), name="r"
    )
    assert write_cards(other, COMMAND) == len(list((tmp_path / "results").glob("*/*/README.md"))) - 1
    assert "- Mine." in card.read_text() and "| mit |" not in card.read_text()
    card.unlink()
    assert write_cards(other, COMMAND) == 1 and "| mit |" in card.read_text()


def test_the_readme_of_an_adopted_run_is_left_alone(here, latest, tmp_path: Path) -> None:
    shutil.copytree("results", tmp_path / "results", symlinks=True)
    folder = tmp_path / latest("pretrain", "tiny")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["README.md"] = {"sha256": "0" * 64, "bytes": 5}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "README.md").unlink()
    write_cards(make_plan(load(["r.yaml"]), Store(tmp_path / "results"), name="r"), COMMAND)
    assert not (folder / "README.md").exists()


@pytest.mark.parametrize(
    ("name", "network", "auto"),
    [
        ("T5ForConditionalGeneration", "encoder-decoder", "AutoModelForSeq2SeqLM"),
        ("BertForQuestionAnswering", "encoder", "AutoModelForQuestionAnswering"),
        ("GPT2LMHeadModel", "decoder", "AutoModelForCausalLM"),
        ("HeadedForTokenClassification", "encoder", "AutoModelForTokenClassification"),
        ("", "encoder-decoder", "AutoModelForSeq2SeqLM"),
    ],
)
def test_which_class_loads_a_model(name: str, network: str, auto: str) -> None:
    import transformers

    assert auto_class({"architectures": [name] if name else None}, network) == auto and hasattr(transformers, auto)
    for task_type in ("", "multiple_choice", "translation", "question_answering"):
        compile(model_code('a "quoted" place', {}, auto, 'say "hi"\n', task_type, " =\n"), "card", "exec")


def test_pipelines_are_those_of_transformers() -> None:
    from transformers.pipelines import SUPPORTED_TASKS

    from snakelm.publishing.loading import PIPELINES

    assert set(PIPELINES.values()) <= set(SUPPORTED_TASKS)
