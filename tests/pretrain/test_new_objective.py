"""A new objective is one file, wherever it is: here it counts how far back a token was read last."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from snakelm.core.errors import UserError
from snakelm.pretrain.objectives import objectives
from snakelm.pretrain.pretrain import pretrain
from snakelm.recipe.loading import load
from snakelm.recipe.schema import MODELS, ModelEntry
from snakelm.runs.identity import SCRIPTS, CodeDigests
from tests.pretrain import lab

ECHO = '''
"""Echo: each position predicts the token that was read `distance` tokens before."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from snakelm.architectures.names import Network
from snakelm.core.errors import UserError
from snakelm.pretrain.batches import Batches
from snakelm.pretrain.config import ModelConfig
from snakelm.pretrain.objectives import objectives
from snakelm.tokenization.needs import TokenNeed


@objectives.register("echo")
class Echo(ModelConfig):
    """A decoder that learns to repeat what it has read."""

    network: ClassVar[Network] = "decoder"
    needs: ClassVar[tuple[TokenNeed, ...]] = ("mask",)

    distance: int = Field(2, description="How far back the token was read.", ge=1)

    def batches(self, tokenizer: Any, stream: Any, samples: int | None = None) -> Echoes:
        return Echoes(self, tokenizer, stream, samples)


class Echoes(Batches[Echo]):
    def read(self, row: int, epoch: int, position: int) -> dict[str, Any]:
        return {"ids": self.stream.ids(row * self.stride, self.length)}

    def collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        import numpy as np
        import torch

        ids_BL = torch.from_numpy(np.stack([sample["ids"] for sample in samples]))
        here_BL = torch.ones_like(ids_BL, dtype=torch.bool)
        here_BL[:, : self.config.distance] = False
        return {
            "input_ids": ids_BL,
            "label_positions": here_BL.reshape(-1).nonzero().squeeze(1),
            "labels": ids_BL[:, : -self.config.distance].reshape(-1),
        }
'''
RECIPE = """
corpora: {{c: {{files: a.txt}}}}
tokenizers: {{t: {{corpus: c{tokenizer}}}}}
models: {{m: {{corpus: c, tokenizer: t, steps: 5, objective: echo{keys}}}}}
"""


@pytest.fixture
def echo(tmp_path: Path):
    file = tmp_path / "echo_objective.py"
    file.write_text(ECHO)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    yield module
    del objectives._classes["echo"], sys.modules[file.stem]
    MODELS._classes.pop("echo", None)


def test_it_trains_like_the_others(echo, parents, tmp_path):
    keys = {"objective": "echo", "distance": 3, "steps": 200, "learning_rate": 0.01, "layers": 2}
    attempt = lab.job(tmp_path / "run", parents, **keys)
    headline = pretrain(attempt)
    curve = (attempt.out / "curve.tsv").read_text().splitlines()
    first = float(curve[1].split("\t")[2])
    assert headline["steps"] == 200 and headline["validation_loss"] < 0.7 * first
    assert AutoModelForCausalLM.from_pretrained(attempt.out).config.model_type == "gpt2"
    assert (attempt.out / "samples.txt").read_text().count("⟶") == 3, "a decoder continues"
    assert attempt.config.identity()["distance"] == 3
    resumed = lab.job(tmp_path / "run", parents, **keys)
    assert pretrain(resumed) == headline and lab.content(resumed.out) == lab.content(attempt.out)


def test_the_recipe_knows_its_keys_and_needs(echo, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    good = RECIPE.format(tokenizer=", family: roberta", keys=", distance: 4, encode: {separator: none}")
    recipe.write_text(good)
    model = load([recipe]).models["m"]
    assert isinstance(model, ModelEntry) and isinstance(model, echo.Echo)
    assert model.distance == 4 and model.encode.separator == "none"
    assert load([recipe]).models["m"].identity() == model.identity()
    for text, says in {
        good.replace("roberta", "gpt2"): "no mask token, which objective echo needs",
        good.replace("distance: 4", "distance: 0"): "models.m.distance: should be greater than or equal to 1, not 0",
        good.replace("objective: echo", "objective: eco"): "unknown objective 'eco'; did you mean echo",
        good.replace("steps: 5", "steps: 5, architecture: bert-"): "architecture 'bert-' is unknown",
    }.items():
        recipe.write_text(text)
        with pytest.raises(UserError, match=says):
            load([recipe])


def test_the_config_tells_objectives_apart_that_have_the_same_keys(echo):
    keys = {**lab.TINY, "steps": 1}
    clm, echoed = objectives.validate(keys), objectives.validate({**keys, "objective": "echo"})
    assert isinstance(clm, objectives.get("clm")) and isinstance(echoed, echo.Echo)
    assert (clm.identity()["objective"], echoed.identity()["objective"]) == ("clm", "echo")
    assert "objective" not in clm.explicit() and echoed.explicit()["objective"] == "echo"


@pytest.mark.parametrize("stage", ["pretrain", "finetune", "encode_corpus"])
def test_no_stage_counts_the_code_of_objectives_that_its_runs_may_not_have(stage):
    counted = CodeDigests().modules(SCRIPTS / f"{stage}.py")
    assert not [name for name in counted if name.startswith("snakelm.pretrain.objectives.")]
    assert ("snakelm.pretrain.objectives" in counted) == (stage == "pretrain")
