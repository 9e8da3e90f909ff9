"""Nothing is bought with another result: on equal batches the losses are those of the stock Trainer."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoTokenizer, Trainer, TrainingArguments

from snakelm.architectures.build import build_model
from snakelm.pretrain.stream import TokenStream
from snakelm.pretrain.trainer import LanguageModelTrainer
from snakelm.training.schedule import multiplier
from snakelm.training.trainer import Setup
from tests.pretrain import lab

STEPS = 100


@pytest.mark.parametrize(("architecture", "objective"), [("roberta", "mlm"), ("gpt2", "clm")])
def test_the_first_100_losses_are_those_of_the_stock_trainer(architecture, objective, parents, tmp_path):
    keys = {
        "architecture": architecture,
        "objective": objective,
        "steps": STEPS,
        "positions": 17,
        "layers": 2,
        "micro_batch_size": 4,
        "weight_decay": 0.0,
    }
    config = lab.model(**keys)
    tokenizer = AutoTokenizer.from_pretrained(parents["tokenizer"])
    batches = config.batches(tokenizer, TokenStream(parents["encoded"], "train"))
    setup = Setup(
        work=tmp_path, steps=STEPS, batch_size=8, logging_steps=1,
        schedule=lambda step, share: multiplier("linear", share, 0.0),
    )  # fmt: skip
    model = build_model(config.architecture_config(), tokenizer, seed=1)
    ours = LanguageModelTrainer(model, config, setup, batches)
    ours.run()

    def collate(rows):
        if objective == "clm":  # the library shifts labels itself: L + 1 ids, and no label for the first
            ids_BM = torch.stack([torch.from_numpy(row["ids"]) for row in rows])
            return {"input_ids": ids_BM, "labels": torch.cat([torch.full((len(rows), 1), -100), ids_BM[:, 1:]], 1)}
        batch = batches.collate(rows)
        labels_BL = torch.full_like(batch["input_ids"], -100)
        labels_BL.view(-1)[batch["label_positions"]] = batch["labels"]
        return {"input_ids": batch["input_ids"], "labels": labels_BL}

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "stock"), max_steps=STEPS, per_device_train_batch_size=8, learning_rate=3e-3,
        logging_steps=1, use_cpu=True, report_to="none", disable_tqdm=True, remove_unused_columns=False,
        train_sampling_strategy="sequential", save_strategy="no",
    )  # fmt: skip
    own = {"activation_function": "gelu_new"} if architecture == "gpt2" else {}
    untouched = build_model(config.architecture_config().model_copy(update={"config": own}), tokenizer, seed=1)
    stock = Trainer(untouched, arguments, train_dataset=ours.samples, data_collator=collate)
    stock.train()
    losses = [[entry["loss"] for entry in each.state.log_history if "loss" in entry] for each in (ours, stock)]
    assert len(losses[0]) == STEPS and losses[0][-1] < 0.8 * losses[0][0]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
