"""Loading a network that somebody else may have written: code in its folder is never run, weights are read from
safetensors alone (a pickle can run code), and what is wrong is said in one line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakelm.core.errors import UserError
from snakelm.tokenization.outside import reason

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class Weights:
    """A model as it was loaded, float32 on the CPU, and the names of its weights that are random all the same."""

    model: PreTrainedModel
    missing: tuple[str, ...]
    """Not in the files."""
    misshapen: tuple[str, ...]
    """In the files with another shape than the config says."""

    def require_whole(self, said: Path | str) -> None:
        """UserError with the names if any weight is random; `said` is what the user knows the source by."""
        total = len(self.model.state_dict())
        if self.misshapen:
            raise UserError(
                f"{said}: {len(self.misshapen)} of {total} weights have other shapes than config.json says"
                f" ({_some(self.misshapen)})"
            )
        if self.missing:
            raise UserError(
                f"{said}: {len(self.missing)} of {total} weights are not in the folder ({_some(self.missing)});"
                f" as {type(self.model).__name__} they would be random"
            )


def read_config(source: Path | str, said: Path | str | None = None) -> PretrainedConfig:
    """The config of a folder or Hub name; UserError where there is none, or only its own code could read it.

    A reference to code (auto_map) is dropped, so that no folder of ours leads to it.
    """
    from transformers import AutoConfig

    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(os.path.expanduser(source), trust_remote_code=False)
    except Exception as error:  # each of 200 config classes checks itself with errors of its own kind
        raise UserError(f"{said or source}: no model can be loaded ({reason(error)})") from error
    if type(config).__module__.startswith("transformers.") and hasattr(config, "auto_map"):
        del config.auto_map
    return config


def read_weights(
    auto: Any, source: Path | str, config: PretrainedConfig | None = None, said: Path | str | None = None
) -> Weights:
    """The network of a folder or Hub name with the head that `auto` (an Auto class) gives it.

    `config` replaces the source's own. Weights that are missing or misshapen are drawn at random and named: the caller
    decides which of them it can do without. Raises UserError where nothing can be loaded.
    """
    import torch

    folder, said = Path(source).expanduser(), said or source
    if config is None:
        config = read_config(source, said)
    if folder.is_dir() and not any(folder.glob("*.safetensors")) and any(any(folder.glob(one)) for one in PICKLES):
        raise UserError(
            f"{said}: the weights cannot be loaded (they are pickled, which can run code; save them anew as"
            " safetensors with save_pretrained)"
        )
    try:
        model, found = auto.from_pretrained(
            str(folder),
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:  # safetensors and 200 architectures raise kinds of their own
        raise UserError(f"{said}: the weights cannot be loaded ({reason(error)})") from error
    misshapen = sorted(str(one[0]) for one in found["mismatched_keys"])
    return Weights(model, tuple(sorted(map(str, found["missing_keys"]))), tuple(misshapen))


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
