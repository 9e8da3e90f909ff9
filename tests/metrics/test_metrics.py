"""Metrics against figures worked out by hand or published with the metric."""

from __future__ import annotations

import subprocess
import sys

import pandas
import pytest

from snakelm.core.errors import UserError
from snakelm.metrics.ranges import ANY, range_of
from snakelm.tasks.config import task_types


def compute(task_type: str, predictions: pandas.DataFrame) -> dict[str, float]:
    return task_types.get(task_type).metrics.score(predictions)


def main_metric(task_type: str, scores: dict[str, float], chosen: str | None = None) -> str:
    return task_types.get(task_type).metrics.main(scores, chosen)


def table(**columns) -> pandas.DataFrame:
    return pandas.DataFrame({name: pandas.Series(cells) for name, cells in columns.items()})


def test_text_classification():
    got = compute("text_classification", table(gold=list("aaab"), prediction=list("aabb")))
    assert got == pytest.approx({"accuracy": 0.75, "f1_macro": (0.8 + 2 / 3) / 2, "mcc": 1 / 3**0.5}, abs=1e-6)
    assert main_metric("text_classification", got) == "accuracy"
    assert compute("text_classification", table(gold=list("aa"), prediction=list("ab")))["mcc"] == 0


def test_several_labels():
    got = compute("text_classification", table(gold=[["a", "b"], [], ["c"]], prediction=[["a"], [], ["a", "c"]]))
    # 2 right, 1 too many, 1 missed
    assert got["f1_micro"] == pytest.approx(2 / 3) and got["exact_match"] == pytest.approx(1 / 3)
    assert main_metric("text_classification", got) == "f1_micro"
    assert compute("text_classification", table(gold=[[]], prediction=[[]]))["exact_match"] == 1


def test_regression():
    got = compute("regression", table(gold=[1.0, 2.0, 3.0, 4.0], prediction=[2.0, 4.0, 6.0, 8.0]))
    assert (got["pearson"], got["spearman"]) == pytest.approx((1, 1))
    assert got["mae"] == 2.5 and got["rmse"] == pytest.approx(7.5**0.5) and got["r2"] == pytest.approx(1 - 30 / 5)
    constant = compute("regression", table(gold=[1.0, 2.0], prediction=[1.5, 1.5]))
    assert constant["pearson"] == constant["spearman"] == 0
    metrics = task_types.get("regression").metrics
    assert not metrics.greater_is_better("rmse") and metrics.greater_is_better("pearson")


def test_entities():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    guess = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "B-LOC"]]
    got = compute("token_classification", table(gold=gold, prediction=guess))
    assert got["precision"] == pytest.approx(2 / 3) and got["recall"] == pytest.approx(2 / 3)
    assert got["accuracy"] == pytest.approx(4 / 6) and main_metric("token_classification", got) == "f1"


@pytest.mark.parametrize("none", ["<none>", ""])
def test_words_without_a_prediction_are_errors(none):
    gold = [["NOUN", "VERB"], ["NOUN", "VERB"]]
    got = compute("token_classification", table(gold=gold, prediction=[["NOUN", "VERB"], ["NOUN", none]]))
    assert got["f1_macro"] == pytest.approx((1 + 2 / 3) / 2)
    assert got["accuracy"] == 0.75 and main_metric("token_classification", got) == "accuracy"
    spans = compute("token_classification", table(gold=[["B-X", "O", "B-X"]], prediction=[["B-X", none, none]]))
    assert spans["accuracy"] == pytest.approx(1 / 3) and spans["recall"] == 0.5 and spans["precision"] == 1


def test_a_split_without_entities():
    got = compute("token_classification", table(gold=[["O", "O"]], prediction=[["O", "B-X"]]))
    assert got["f1"] == 0 and got["accuracy"] == 0.5


def test_questions():
    gold = [["the Red Fox"], ["1990", "in 1990"], [], []]
    got = compute("question_answering", table(gold=gold, prediction=["red fox!", "by 1990", "", "x"]))
    assert got["exact_match"] == 0.5
    assert got["f1"] == pytest.approx((1 + 2 / 3 + 1 + 0) / 4)
    assert got["f1/answerable"] == pytest.approx(5 / 6) and got["exact_match/unanswerable"] == 0.5
    assert compute("question_answering", table(gold=[["a house"]], prediction=[""]))["f1"] == 0


def test_minimal_pairs():
    got = compute("minimal_pairs", table(gold=[0] * 4, prediction=[0, 0, 0, 1], phenomenon=["x", "x", "x", "y"]))
    assert got == {"accuracy": 0.75, "accuracy_by_phenomenon": 0.5, "accuracy/x": 1.0, "accuracy/y": 0.0}


def test_language_modeling():
    got = compute("language_modeling", table(nats=[0.6931471805599453 * 8, 0.0], tokens=[4, 4], bytes=[2, 2]))
    assert got == pytest.approx({"bits_per_byte": 2.0, "perplexity": 2.0})


def test_text_metrics_read_any_script():
    same = table(gold=["Ленин жил", "ein Haus"], prediction=["Ленин жил", "ein Haus"])
    assert compute("summarization", same)["rougeL"] == 1.0  # rouge-score's own tokenizer would find no word at all
    assert compute("translation", same)["chrf"] == pytest.approx(100)
    other = table(gold=["the cat sat on the mat"], prediction=["the cat lay on the mat"])
    assert compute("summarization", other)["rouge1"] == pytest.approx(5 / 6)
    assert compute("translation", other)["ter"] == pytest.approx(100 / 6)
    # 5/6, 3/5, 1/4 and 1/6 (half of one third: sacrebleu's exponential smoothing)
    assert compute("translation", other)["bleu"] == pytest.approx(100 * (5 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** 0.25)


def test_every_type_has_its_main_metric_first():
    one = {
        "text_classification": table(gold=["a"], prediction=["a"]),
        "regression": table(gold=[1.0], prediction=[1.0]),
        "token_classification": table(gold=[["B-X"]], prediction=[["B-X"]]),
        "question_answering": table(gold=[["a"]], prediction=["a"]),
        "multiple_choice": table(gold=[1], prediction=[1]),
        "summarization": table(gold=["a"], prediction=["a"]),
        "translation": table(gold=["a"], prediction=["a"]),
        "language_modeling": table(nats=[1.0], tokens=[1], bytes=[1]),
        "minimal_pairs": table(gold=[0], prediction=[0], phenomenon=["x"]),
    }
    assert one.keys() == task_types.classes().keys()
    for task_type, predictions in one.items():
        scores, names = compute(task_type, predictions), task_types.get(task_type).metrics.names
        assert main_metric(task_type, scores) == names[0]
        unknown = {name for name in scores if "/" not in name} - set(names)
        assert not unknown, f"{task_type}: {unknown} cannot be chosen in a recipe"


def test_no_predictions_is_an_error():
    with pytest.raises(UserError, match="no predictions"):
        compute("regression", table(gold=[], prediction=[]))
    with pytest.raises(UserError, match="did you mean accuracy"):
        main_metric("multiple_choice", {"accuracy": 1.0}, "acuracy")


def test_no_heavy_imports():
    code = (
        "import sys, snakelm.statistics.verdicts, snakelm.evaluate.evaluate;"
        "from snakelm.tasks.config import task_types; task_types.classes();"
        "assert not {'torch', 'transformers', 'datasets', 'sklearn', 'numpy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PATH": ""})


def test_every_metric_has_its_range():
    for name in task_types:
        assert all(range_of(metric) != ANY for metric in task_types.get(name).metrics.names), name
