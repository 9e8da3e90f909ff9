"""Windows of long inputs: answers at their edges, questions that leave little room, sentences that must not be cut."""

from __future__ import annotations

import json

import pytest

from snakelm.core.errors import UserError
from snakelm.finetune import network
from snakelm.finetune.data import load
from snakelm.finetune.weights import load_tokenizer, network_of, set_inputs
from snakelm.tasks.config import task_types
from tests.finetune.lab import sentences

NETWORKS = {"gpt2": "decoder", "bert": "encoder", "roberta": "encoder", "t5": "encoder-decoder"}


@pytest.fixture
def prepared(tmp_path, monkeypatch, models):
    monkeypatch.chdir(tmp_path)

    def make(rows: list[dict], model: str, length: int, **keys: object):
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        task = task_types.validate({"type": "question_answering", "data": {"files": "rows.jsonl"}, **keys})
        from transformers import AutoConfig

        tokenizer, data = load_tokenizer(models[model]), load(task, None)
        set_inputs(tokenizer, network_of(AutoConfig.from_pretrained(models[model])))
        return data, *network._prepared(task, data, tokenizer, length, NETWORKS[model], None)

    return make


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("length", [8, 9, 13, 24, 64])
def test_answers_at_the_edges_of_a_context_are_learnt(prepared, model, length):
    """The first word, the last, and the whole of a short context: in each the span says the answer, none is lost."""
    rows = []
    for number, (text, _) in enumerate(sentences(40, 1)):
        answer = text.split()[[0, -1][number % 2]]
        start = 0 if number % 2 == 0 else len(text) - len(answer)
        rows.append({"question": "who what when " * (number % 9), "context": text, "answers": [answer], "at": start})
    keys = {"answer_start_column": "at", "empty_texts": "keep"}
    data, _, features = prepared(rows, model, length, **keys)
    train, frame = features["train"], data.splits["train"]
    learnt = set()
    for ids, row, spans, null, (first, last) in zip(
        train.columns["input_ids"], train.row, train.notes["spans"], train.notes["nulls"], train.columns["labels"],
        strict=True,
    ):  # fmt: skip
        assert len(ids) == len(spans) <= length and spans[null] == [-1, -1]
        if (first, last) != (null, null):
            learnt.add(row)
            said = frame["context"][row][spans[first][0] : spans[last][1]]
            assert said.strip() == frame["gold"][row][0]
    assert train.remark is None or length <= 9  # there a word may have more tokens than the window
    assert len(learnt) == len(frame) or length <= 9


@pytest.mark.parametrize("model", NETWORKS)
def test_every_token_of_a_context_is_in_a_window(prepared, model):
    rows = [
        {"question": "who", "context": " ".join(text for text, _ in sentences(20, n)), "answers": []} for n in range(9)
    ]
    data, _, features = prepared(rows, model, 24, stride=100)
    for split, made in features.items():
        seen: dict[int, set[int]] = {}
        for row, spans in zip(made.row, made.notes["spans"], strict=True):
            seen.setdefault(row, set()).update(at for begin, end in spans for at in range(begin, end) if begin >= 0)
        for row, context in enumerate(data.splits[split]["context"]):
            assert {at for at, letter in enumerate(context) if letter != " "} <= seen[row]


def test_a_pair_that_is_too_long_is_named(run_task, tmp_path):
    rows = [{"sentence_good": "the of", "sentence_bad": "of the"}] * 2
    rows += [{"sentence_good": "the of " * 50, "sentence_bad": "of the"}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"pairs\.jsonl line 3: the sentence has \d+ tokens, but the model reads 64"):
        run_task({"type": "minimal_pairs", "test": {"files": "pairs.jsonl"}}, "bert")
