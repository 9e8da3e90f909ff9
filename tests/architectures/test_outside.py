"""Models and tokenizers that somebody else wrote: no code of theirs runs, and what is broken is said in one line."""

from __future__ import annotations

import ast
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snakelm.architectures.outside import read_config, read_weights
from snakelm.core.errors import UserError
from snakelm.tokenization.outside import read_tokenizer
from tests.finetune.lab import make_model, make_tokenizer

LIBRARY = Path(__file__).resolve().parents[2] / "scripts" / "snakelm"
LOADERS = {"tokenization/outside.py", "architectures/outside.py", "pretrain/results.py"}
"""Modules that load by transformers; the last one only what its own training wrote."""

CODE = """
from pathlib import Path
Path(__file__).with_name("x")
Path({marker!r}).write_text("ran")
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
class EvilConfig(GPT2Config):
    model_type = "evil"
class EvilModel(GPT2LMHeadModel):
    config_class = EvilConfig
class EvilTokenizer(PreTrainedTokenizerFast):
    pass
"""
AUTO = (
    "AutoModel AutoModelForCausalLM AutoModelForMaskedLM AutoModelForSequenceClassification"
    " AutoModelForTokenClassification AutoModelForQuestionAnswering"
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("outside")
    return make_model(root / "good", make_tokenizer(root / "tokenizer"), "gpt2", "decoder")


def hostile(folder: Path, good: Path, model_type: str) -> Path:
    """A copy of a model whose config and tokenizer name code beside them, which writes a marker when it runs."""
    shutil.copytree(good, folder)
    (folder / "evil.py").write_text(CODE.format(marker=str(folder / "marker")))
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = model_type
    config["auto_map"] = {"AutoConfig": "evil.EvilConfig"} | dict.fromkeys(AUTO.split(), "evil.EvilModel")
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer |= {"tokenizer_class": "EvilTokenizer", "auto_map": {"AutoTokenizer": [None, "evil.EvilTokenizer"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return folder


WAYS = """
import sys
from snakelm.core.errors import UserError
folder, tokenizer = sys.argv[1:]

def pretrain():
    from snakelm.pretrain.start import starting_model
    from snakelm.pretrain.objectives import objectives
    keys = {"corpus": "c", "tokenizer": "t", "steps": 1, "init": folder}
    from snakelm.tokenization.outside import read_tokenizer
    starting_model(objectives.validate(keys), read_tokenizer(tokenizer))

def finetune():
    from snakelm.finetune import weights
    from snakelm.architectures.outside import read_weights
    from transformers import AutoModelForSequenceClassification
    weights.load_tokenizer(tokenizer)
    read_weights(AutoModelForSequenceClassification, folder, weights.load_config(folder, None, None))

def finetune_tokenizer():
    from snakelm.finetune import weights
    weights.load_tokenizer(folder)

def existing():
    from snakelm.train_tokenizer import existing
    from snakelm.train_tokenizer.config import TokenizerConfig
    existing.load(TokenizerConfig(existing=folder), "tokenizers.t")

for way in (pretrain, finetune, finetune_tokenizer, existing):
    try:
        way()
        print(way.__name__, "loaded")
    except UserError as error:
        assert len(str(error).splitlines()) == 1, error
        print(way.__name__, error)
"""


@pytest.mark.parametrize("model_type", ["evil", "gpt2"])
def test_code_in_a_folder_never_runs_whatever_stdin_says(model_type, good, tmp_path):
    folder = hostile(tmp_path / "hostile", good, model_type)
    yes = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    environment = os.environ | {"PYTHONPATH": str(LIBRARY.parent), "HF_HOME": str(tmp_path / "hub")}
    command = [sys.executable, "-c", WAYS, str(folder), str(good)]
    done = subprocess.run(command, stdin=yes.stdout, capture_output=True, text=True, env=environment)
    yes.kill()
    yes.wait()
    assert done.returncode == 0, done.stderr[-2000:]
    assert not (folder / "marker").exists(), done.stdout
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert set(said) == {"pretrain", "finetune", "finetune_tokenizer", "existing"}
    for way, words in said.items():
        own = "needs code of its own (auto_map), which is never run" in words
        assert own if model_type == "evil" and "token" not in way and way != "existing" else own or words == "loaded"
        assert "trust_remote_code" not in words


def test_what_is_known_to_transformers_loses_its_reference_to_code(good, tmp_path):
    assert not hasattr(read_config(hostile(tmp_path / "hostile", good, "gpt2")), "auto_map")


def test_everything_is_loaded_in_the_modules_that_forbid_code():
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "from_pretrained":
                assert str(path.relative_to(LIBRARY)) in LOADERS, path
                given = {key.arg: getattr(key.value, "value", None) for key in node.keywords}
                assert given.get("trust_remote_code") is False or given.get("use_safetensors") is True


def _truncate(folder: Path, name: str, size: int) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:size])


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": 1}))


def _disguise(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))


BREAK = {
    "truncated header": (lambda folder: _truncate(folder, "model.safetensors", 100), "the weights cannot be loaded"),
    "truncated data": (lambda folder: _truncate(folder, "model.safetensors", 20_000), "the weights cannot be loaded"),
    "empty weights": (lambda folder: _truncate(folder, "model.safetensors", 0), "the weights cannot be loaded"),
    "pickle": (_pickle, "they are pickled"),
    "pickle by another name": (_disguise, "the weights cannot be loaded"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "the weights cannot be loaded"),
    "truncated config": (lambda folder: _truncate(folder, "config.json", 50), "no (model|tokenizer) can be loaded"),
    "config is a list": (
        lambda folder: (folder / "config.json").write_text("[]"),
        "no (model|tokenizer) can be loaded",
    ),
    "sizes are words": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "gpt2", "n_layer": "two", "n_embd": [1]}'),
        "no (model|tokenizer) can be loaded|the weights cannot",
    ),
    "truncated tokenizer": (lambda folder: _truncate(folder, "tokenizer.json", 300), "no tokenizer can be loaded"),
    "tokenizer config is a list": (
        lambda folder: (folder / "tokenizer_config.json").write_text("[]"),
        "no tokenizer can be loaded",
    ),
}


@pytest.mark.parametrize("how", BREAK)
def test_a_broken_folder_is_one_line(how, good, tmp_path):
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "broken"
    shutil.copytree(good, folder)
    break_, says = BREAK[how]
    break_(folder)
    with pytest.raises(UserError, match=says) as raised:
        read_tokenizer(folder)
        read_weights(AutoModelForCausalLM, folder)
    assert len(str(raised.value).splitlines()) == 1 and str(folder) in str(raised.value)
