"""What the recipe says about one model: its network, its objective and how it is pretrained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from snakelm.architectures.config import ArchitectureConfig
from snakelm.core.config import Repeatable, circumstance, outside, reference
from snakelm.pretrain import arguments

UNITS = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}


def _count(value: Any) -> Any:
    """10_000, '1e9', '300k', '10M', '2B' → a whole number."""
    if isinstance(value, str):
        text = value.strip().replace("_", "").replace(",", "").lower()
        factor = UNITS.get(text[-1:], 1)
        try:
            value = float(text[:-1] if factor > 1 else text) * factor
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(_count)]
BUDGETS = ("tokens", "epochs", "steps", "minutes")


class ModelConfig(Repeatable, ArchitectureConfig):
    """An entry under `models:`: a network, the text and tokenizer that it is trained on, and for how long."""

    corpus: str = reference("corpora", description="name of the corpus that it is trained on")
    tokenizer: str = reference("tokenizers", description="name of the tokenizer that cuts the text into tokens")
    init: str = outside(
        "scratch", description="random weights (scratch), or a model folder or Hub name whose training is continued"
    )
    seed: int = Field(0, description="seeds the weights, the order of the text, masks and dropout", ge=0, lt=2**31)

    tokens: Count | None = Field(None, description="budget: training ends after so many tokens (1e9, 300k, 10M)", gt=0)
    epochs: float | None = Field(None, description="budget: training ends after so many passes over the text", gt=0)
    steps: Count | None = Field(None, description="budget: training ends after so many optimizer steps", gt=0)
    minutes: float | None = Field(
        None, description="budget: training ends after so many minutes (the steps reached depend on the machine)", gt=0
    )

    batch_size: Count = Field(16, description="sequences per optimizer step, over all devices", ge=1)
    batch_tokens: Count | None = Field(
        None, description="tokens per optimizer step, over all devices, in place of batch_size", ge=8
    )
    learning_rate: float = Field(1e-3, description="peak learning rate", gt=0)
    schedule: Literal["linear", "cosine", "constant", "wsd", "trunk"] = Field(
        "linear",
        description="learning rate after warm-up: linear or cosine down to the floor; constant; wsd: stable, then down"
        " over the last `decay`; trunk: the stable part alone, made for models with trunk_every",
    )
    warmup: float = Field(
        0.05, description="rise of the learning rate at the start: a share of the budget, or steps if 1 or more", ge=0
    )
    decay: float = Field(0.2, description="schedule wsd: share of the budget over which the rate goes down", gt=0, le=1)
    trunk_every: Count | None = Field(
        None,
        description="schedule wsd: train the stable part as a chain of runs of so many steps, which models that differ"
        " in their budgets (in tokens or steps) share, so that a learning curve over budgets costs one long run",
        ge=1,
    )
    learning_rate_floor: float = Field(
        0.0, description="where the learning rate ends, as a share of its peak", ge=0, le=1
    )
    weight_decay: float = Field(0.01, description="AdamW's weight decay", ge=0)
    max_grad_norm: float = Field(1.0, description="gradients are scaled down to this norm; 0: never", ge=0)
    adam_beta1: float = Field(0.9, description="AdamW's decay rate of the mean", ge=0, lt=1)
    adam_beta2: float = Field(0.999, description="AdamW's decay rate of the variance", ge=0, lt=1)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="number format of the computation; auto: bfloat16 where the hardware has it, else float32"
    )

    masking_rate: float = Field(0.3, description="mlm and span_denoising: share of the tokens hidden", gt=0, lt=1)
    masking_rate_end: float | None = Field(
        None, description="masking rate at the end of the budget, reached in a straight line", gt=0, lt=1
    )
    masking_split: tuple[float, float, float] = Field(
        (0.8, 0.1, 0.1), description="mlm: shares of the hidden tokens that become the mask, a random token, themselves"
    )
    whole_words: bool = Field(False, description="mlm: hide all tokens of a word together")
    span_length: float = Field(3.0, description="span_denoising: mean length of a hidden span, in tokens", ge=1)

    evaluation_steps: Count | None = Field(
        None, description="steps between evaluations on the validation split; by default a tenth of the budget", ge=1
    )
    evaluation_sequences: Count = Field(
        1024, description="sequences of the validation split that are evaluated, spread evenly over it", ge=1
    )
    keep: Literal["last", "best"] = Field(
        "last", description="which weights are the model: the last ones, or those of the lowest validation loss"
    )
    patience: int | None = Field(
        None, description="stop early after so many evaluations without a new lowest validation loss", ge=1
    )
    prompts: tuple[str, ...] = circumstance(
        (),
        description="samples.txt: texts to continue (clm) or to fill in where they say <mask>, read when a model is"
        " trained; other ones do not train it again",
    )
    sample_tokens: int = circumstance(40, description="samples.txt: tokens per continuation", ge=1, le=1000)
    training_arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="further Hugging Face TrainingArguments (optim, adam_epsilon, …), as they are",
        examples=[{"adam_epsilon": 1e-6}],
    )

    micro_batch_size: Count | None = circumstance(
        None, description="sequences per forward pass and device; by default all, halved when memory runs out", ge=1
    )
    gpus: int | None = circumstance(
        None, description="GPUs to train on; 0: the CPU; null: one if the machine or the cluster job has any", ge=0
    )
    processes: int | None = circumstance(
        None, description="training processes; by default one per GPU (on a CPU, 2 is for tests)", ge=1
    )
    attention: str | None = circumstance(
        None, description="how attention is computed: sdpa, eager, flash_attention_2, …; null: the library's choice"
    )
    compile: bool = circumstance(False, description="compile the network with torch.compile (about a minute at first)")
    data_workers: int = circumstance(0, description="processes that prepare batches; 0: the trainer itself", ge=0)
    checkpoint_minutes: float = circumstance(15.0, description="minutes between checkpoints", gt=0)
    checkpoint_steps: Count | None = circumstance(None, description="also a checkpoint every so many steps", ge=1)
    keep_checkpoints: int = circumstance(2, description="newest checkpoints kept while training; older ones go", ge=1)
    trackers: tuple[Literal["tensorboard", "wandb", "trackio", "mlflow"], ...] = circumstance(
        (), description="where else to report the curves: tensorboard, wandb, trackio, mlflow"
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> ModelConfig:
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one budget: tokens, epochs, steps or minutes ({' and '.join(given) or 'none'} given)"
            )
        if abs(sum(self.masking_split) - 1) > 1e-6 or min(self.masking_split) < 0:
            raise ValueError("masking_split must be three shares that sum to 1 (mask, random, unchanged)")
        if self.masking_rate_end is not None and self.minutes is not None:
            raise ValueError("masking_rate_end needs a budget in tokens, epochs or steps, not in minutes")
        if self.batch_tokens is not None and self.batch_tokens < self.sequence_length:
            raise ValueError(
                f"batch_tokens ({self.batch_tokens}) is less than one sequence ({self.sequence_length} tokens)"
            )
        if self.trunk_every is not None:
            wrong = (
                (self.schedule != "wsd", "schedule: wsd"),
                (self.tokens is None and self.steps is None, "a budget in tokens or steps"),
                (0 < self.warmup < 1, "warmup in steps (1 or more), which does not depend on the budget"),
                (self.masking_rate_end is not None, "one masking rate (no masking_rate_end)"),
                (self.keep == "best" or self.patience is not None, "keep: last and no patience"),
            )
            if needs := [what for is_wrong, what in wrong if is_wrong]:
                raise ValueError(f"trunk_every needs {'; '.join(needs)}")
        if refused := [why for name in self.training_arguments if (why := arguments.refusal(name))]:
            raise ValueError("; ".join(refused))
        if self.whole_words and self.objective != "mlm":
            raise ValueError(f"whole_words is for objective mlm, not {self.objective}")
        return self

    @property
    def global_batch(self) -> int:
        """Sequences per optimizer step."""
        return self.batch_size if self.batch_tokens is None else self.batch_tokens // self.sequence_length

    @property
    def planned_steps(self) -> int | None:
        """Optimizer steps of a budget in steps or tokens; None where they depend on the text or the machine."""
        if self.steps is not None or self.tokens is None:
            return self.steps
        return -(-self.tokens // (self.global_batch * self.sequence_length))

    def trunk(self) -> list[ModelConfig]:
        """The chain of runs, first to last, of which this model's own run goes on from the last; [] without a trunk.

        Each goes on from the one before, and none depends on this model's budget but by where the chain ends. The
        keys that only the end of a training reads have their defaults in them, so that more models share the chain.
        """
        if self.trunk_every is None or self.planned_steps is None:
            return []
        plain = {"tokens": None, "schedule": "trunk", "trunk_every": None}
        plain |= {
            name: ModelConfig.model_fields[name].get_default(call_default_factory=True)
            for name in ("decay", "learning_rate_floor", "keep", "patience", "prompts", "sample_tokens")
        }
        plain["evaluation_steps"] = self.evaluation_steps or self.trunk_every
        count = int(self.planned_steps * (1 - self.decay)) // self.trunk_every
        return [self.model_copy(update={**plain, "steps": n * self.trunk_every}) for n in range(1, count + 1)]


def check(model: ModelConfig, splits: tuple[str, ...] | None) -> list[str]:
    """What is wrong between a model and its corpus; `splits` as CorpusConfig.splits() gives them (None: unknown)."""
    if splits is None or "validation" in splits:
        return []
    needs = [
        (model.keep == "best", "keep: best"),
        (model.patience is not None, "patience"),
        (model.evaluation_steps is not None, "evaluation_steps"),
    ]
    return [
        f"{what} needs a validation split, and corpus {model.corpus} holds none out; set its split"
        for is_wrong, what in needs
        if is_wrong
    ]
