"""What the recipe says about one model: its network, and how it is pretrained. What it learns to predict is said by
the objective's own config, which extends this one (`snakelm.pretrain.objectives`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from snakelm.architectures.config import ArchitectureConfig, SizesConfig
from snakelm.architectures.names import Network, described, networks_of
from snakelm.core.config import Config, Repeatable, circumstance, outside, reference
from snakelm.core.quantities import Count
from snakelm.pretrain import arguments
from snakelm.tokenization.needs import TokenNeed
from snakelm.training.config import TrainingConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from snakelm.pretrain.stream import TokenStream

Weight = Annotated[float, Field(gt=0)]
BUDGETS = ("tokens", "epochs", "steps", "minutes")
ENTRY = "entry"
"""What `init` says in the config of a run that goes on from another entry's: that one is a parent, so its name, which
may change, is no part of the id."""
EVALUATION_RATE = 0.15
"""Masking rate in evaluation, whatever the training rate."""


class MixtureConfig(Config):
    """How often each source of the corpus is read, by its name; without it as often as its text is long."""

    weights: dict[str, Weight] = Field(
        {},
        description="Shares of the tokens, relative to each other; one for each source.",
        examples=[{"a": 2, "b": 1}],
    )
    temperature: float | None = Field(
        None,
        description="Shares of the tokens by size^(1/temperature): 1 is the text as it is, a high one equal shares.",
        ge=1,
    )
    groups: dict[str, str] = Field(
        {},
        description="Source → group, such as its language: the temperature is over the groups, and within one the text "
        "is taken as it is. Sources that are not named are groups by themselves.",
        examples=[{"a": "x", "b": "x"}],
    )
    epochs: dict[str, Weight] = Field(
        {}, description="How many times a source is read in one epoch; 1 for those not named.", examples=[{"a": 2}]
    )
    max_tokens: dict[str, Count] = Field(
        {}, description="The most tokens of a source that are read, drawn by the model's seed.", examples=[{"a": 1}]
    )

    @model_validator(mode="after")
    def _one_rule(self) -> MixtureConfig:
        given = [name for name in ("weights", "temperature", "epochs") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"mixture: {' and '.join(given)} exclude each other; give one")
        if self.groups and self.temperature is None:
            raise ValueError("mixture: groups go with a temperature")
        if not given and not self.max_tokens:
            raise ValueError("mixture: give weights, temperature, epochs or max_tokens")
        return self


class ModelConfig(Repeatable, TrainingConfig, SizesConfig):
    """A model: a network, the text and tokenizer that it is trained on, and for how long.

    A subclass is an objective. It registers itself under a name (`objectives.register`), says which kind of network
    it trains and what tokens it needs, declares the keys that only it has, and makes the batches.
    """

    network: ClassVar[Network]
    """The kind of network that it trains. The Auto class, and how samples are written, follow from it."""
    needs: ClassVar[tuple[TokenNeed, ...]] = ()
    """What the tokenizer must have for it."""

    objective: str = Field("clm", description="What the model learns to predict.")
    corpus: str = reference("corpora", description="Name of the corpus that it is trained on.")
    tokenizer: str = reference("tokenizers", description="Name of the tokenizer that cuts the text into tokens.")
    init: str = outside(
        "scratch",
        description="Random weights (scratch), or what training goes on from: another entry of `models`, or the folder "
        "or Hub name (./folder, owner/name) of an outside model. The network is that of the model named.",
    )
    seed: int = Field(0, description="Seed of the weights, the order of the text, masks and dropout.", ge=0, lt=2**31)

    tokens: Count | None = Field(
        None, description="Budget: training ends after this many tokens (1e9, 300k, 10M).", gt=0
    )
    minutes: float | None = Field(
        None,
        description="Budget: training ends after this many minutes (the steps reached depend on the machine).",
        gt=0,
    )

    order: Literal["chunks", "documents"] = Field(
        "chunks",
        description="What is shuffled in each epoch: chunks of sequence_length tokens, always the same ones, or whole "
        "documents, whose text is then cut anew.",
    )
    batch_tokens: Count | None = Field(
        None, description="Tokens per optimizer step, over all devices, in place of batch_size.", ge=8
    )
    mixture: MixtureConfig | None = Field(
        None,
        description="How often each source of the corpus is read; default: what the sources of the corpus say "
        "(weight, epochs, max_tokens) and its temperature.",
        examples=[{"temperature": 2}],
    )
    schedule: Literal["linear", "cosine", "constant", "wsd", "trunk"] = Field(  # type: ignore[assignment]  # wider
        "linear",
        description="Learning rate after the warm-up: linear or cosine decay to the floor; constant; wsd: stable, then "
        "decay over the last `decay`; trunk: the stable part alone, made for models with trunk_every.",
    )
    decay: float = Field(
        0.2, description="Schedule wsd: share of the budget over which the learning rate decays.", gt=0, le=1
    )
    trunk_every: Count | None = Field(
        None,
        description="Schedule wsd: train the stable part as a chain of runs of this many steps, which models that "
        "differ in their budgets (in tokens or steps) share, so that a learning curve over budgets costs one long run.",
        ge=1,
    )
    z_loss: float = Field(
        0.0, description="Weight of the squared log of the softmax's sum in the loss, which keeps logits small.", ge=0
    )
    learning_rate_floor: float = Field(
        0.0, description="Where the learning rate ends, as a share of its peak.", ge=0, le=1
    )

    evaluation_sequences: Count | None = Field(
        None,
        description="Sequences of the validation split that are evaluated, spread evenly over it; by default up to "
        "1024, and so few that all evaluations together read at most 5 % of what training reads.",
        ge=1,
    )
    prompts: tuple[str, ...] = circumstance(
        (),
        description="Texts in samples.txt for a decoder to continue, or to fill in where they say <mask>, read when a "
        "model is trained; other ones do not train it again.",
    )
    sample_tokens: int = circumstance(40, description="Tokens per continuation in samples.txt.", ge=1, le=1000)
    training_arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="Further Hugging Face TrainingArguments (optim, adam_epsilon, …), as they are.",
        examples=[{"adam_epsilon": 1e-6}],
    )

    processes: int | None = circumstance(
        None, description="Training processes; by default one per GPU (on a CPU, 2 is for tests).", ge=1
    )
    attention: str | None = circumstance(
        None, description="How attention is computed: sdpa, eager, flash_attention_2, …; null: the library's choice."
    )
    compile: bool = circumstance(False, description="Compile the network with torch.compile (about a minute at first).")
    trackers: tuple[Literal["tensorboard", "wandb", "trackio", "mlflow"], ...] = circumstance(
        (), description="Where else to report the curves: tensorboard, wandb, trackio, mlflow."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.network not in (kinds := networks_of(self.architecture)):
            raise ValueError(
                f"architecture {self.architecture} cannot be trained with objective {self.objective}, which trains"
                f" {described([self.network])}; {self.architecture} is {described(kinds)}"
            )
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one budget: tokens, epochs, steps or minutes ({' and '.join(given) or 'none'} given)"
            )
        if self.batch_tokens is not None and self.batch_tokens < self.sequence_length:
            raise ValueError(
                f"batch_tokens ({self.batch_tokens}) is less than one sequence ({self.sequence_length} tokens)"
            )
        if self.trunk_every is not None:
            wrong = (
                (self.schedule != "wsd", "schedule: wsd"),
                (self.tokens is None and self.steps is None, "a budget in tokens or steps"),
                (0 < self.warmup < 1, "warmup in steps (1 or more), which does not depend on the budget"),
                (self.keep != "last" or self.patience is not None, "keep: last and no patience"),
                (self.averages or self.weight_decay_end is not None, "no average and one weight decay"),
            )
            if needs := [what for is_wrong, what in wrong if is_wrong]:
                raise ValueError(f"trunk_every needs {'; '.join(needs)}")
        if refused := [why for name in self.training_arguments if (why := arguments.refusal(name))]:
            raise ValueError("; ".join(refused))
        return self

    # --- what an objective says ---

    def batches(self, tokenizer: PreTrainedTokenizerBase, stream: TokenStream, samples: int | None = None) -> Any:
        """The split as samples and batches (a `batches.Batches`).

        samples: the training's number of sequences, where it is known.
        """
        raise NotImplementedError

    def for_evaluation(self) -> Self:
        """The objective as held-out text is judged by it: the same for all models, whatever their training's keys.

        An objective with keys that change its task extends this.
        """
        return self.model_copy(update={"seed": 0, "order": "chunks"})

    # --- what follows from the keys ---

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

    def architecture_config(self) -> ArchitectureConfig:
        """Only the part that describes the network, for a model that is built but not pretrained."""
        return ArchitectureConfig(
            network=self.network, **{name: getattr(self, name) for name in SizesConfig.model_fields}
        )

    def with_defaults(self, *names: str) -> Self:
        """A copy in which these keys have their defaults."""
        fields = type(self).model_fields
        return self.model_copy(update={name: fields[name].get_default(call_default_factory=True) for name in names})

    def trunk(self) -> list[Self]:
        """The chain of runs, first to last, of which this model's own run goes on from the last; [] without a trunk.

        Each goes on from the one before, and none depends on this model's budget but by where the chain ends. The
        keys that only the end of a training reads have their defaults in them, so that more models share the chain.
        """
        if self.trunk_every is None or self.planned_steps is None:
            return []
        plain = self.with_defaults(
            *("tokens", "trunk_every", "decay", "learning_rate_floor", "keep", "patience", "prompts", "sample_tokens")
        )
        update = {"schedule": "trunk", "evaluation_steps": self.evaluation_steps or self.trunk_every}
        count = int(self.planned_steps * (1 - self.decay)) // self.trunk_every
        return [plain.model_copy(update={**update, "steps": n * self.trunk_every}) for n in range(1, count + 1)]


class MaskingConfig(ModelConfig):
    """A model whose objective hides a share of the tokens."""

    masking_rate: float = Field(0.3, description="Share of the tokens that are hidden.", gt=0, lt=1)
    masking_rate_end: float | None = Field(
        None, description="Masking rate at the end of the budget, reached in a straight line.", gt=0, lt=1
    )

    @model_validator(mode="after")
    def _rates_can_be_reached(self) -> Self:
        if self.masking_rate_end is not None and self.minutes is not None:
            raise ValueError("masking_rate_end needs a budget in tokens, epochs or steps, not in minutes")
        if self.masking_rate_end is not None and self.trunk_every is not None:
            raise ValueError("trunk_every needs one masking rate (no masking_rate_end)")
        return self

    def for_evaluation(self) -> Self:
        update = {"masking_rate": EVALUATION_RATE, "masking_rate_end": None}
        return super().for_evaluation().model_copy(update=update)

    def rate_at(self, sample: int, samples: int | None) -> float:
        """The masking rate of one of the training's `samples` sequences; the first one's where their number is open."""
        first, last = self.masking_rate, self.masking_rate_end
        if last is None or not samples:
            return first
        return first + (last - first) * min(1.0, sample / samples)


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
