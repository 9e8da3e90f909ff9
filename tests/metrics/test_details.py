"""What evaluations say beside the metrics, against scikit-learn on random data and at the edges."""

from __future__ import annotations

import io
import math

import numpy
import pandas
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from snakelm.artifacts import records
from snakelm.metrics.details import (
    MOST_ERRORS,
    MOST_LABELS,
    MOST_PAIRS,
    Details,
    numbers,
    rounded,
    shortened,
)
from snakelm.metrics.flags import always, flags
from snakelm.metrics.predicted import Predicted
from snakelm.metrics.probabilities import auroc, calibration
from snakelm.metrics.residuals import residuals
from snakelm.statistics.outliers import outliers
from snakelm.statistics.units import Units
from snakelm.tasks.chances import with_chances
from snakelm.tasks.config import task_types

LABELS = ["a", "b", "c"]


def predicted(*tables: pandas.DataFrame, labels=(), deterministic: bool = False) -> Predicted:
    named = {"": tables[0]} if deterministic else {str(seed): table for seed, table in enumerate(tables, 1)}
    return Predicted(named, Units.of(len(tables[0])), labels, deterministic=deterministic)


def details(task_type: str, *tables: pandas.DataFrame, labels=(), **options) -> Details:
    read = [pandas.read_parquet(io.BytesIO(table.to_parquet())) for table in tables]  # lists become arrays
    found = task_types.get(task_type).details(predicted(*read, labels=labels, **options))
    assert found is not None
    return found


def classified(seed: int, rows: int = 60, labels=LABELS, gold=None, digits: int = 2) -> pandas.DataFrame:
    """Predictions of a random classifier that knows a little; rounded probabilities make ties."""
    random = numpy.random.default_rng(seed)
    gold = numpy.random.default_rng(0).choice(labels, rows) if gold is None else numpy.array(gold)
    logits = random.normal(size=(len(gold), len(labels))) + (gold[:, None] == numpy.array(labels))
    chances = numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True)
    chances = chances.round(digits)
    frame = pandas.DataFrame({"row": range(len(gold)), "text": [f"text {n}" for n in range(len(gold))], "gold": gold})
    frame = frame.assign(prediction=numpy.array(labels)[chances.argmax(1)], score=chances.max(1))
    return with_chances(frame, labels, chances)


def p_columns(table: pandas.DataFrame, labels=LABELS) -> numpy.ndarray:
    return table[[f"p({label})" for label in labels]].to_numpy()


def test_labels_of_several_seeds():
    tables = [classified(seed) for seed in (1, 2, 3)]
    found = details("text_classification", *tables, labels=LABELS).classes
    expected = [
        precision_recall_fscore_support(table["gold"], table["prediction"], labels=LABELS, zero_division=0)
        for table in tables
    ]
    assert found.unit == "rows" and found.labels == 3 and not found.never_predicted
    for place, score in enumerate(found.scores):
        precision, recall, f1, support = (numpy.mean([each[part][place] for each in expected]) for part in range(4))
        assert score.label == LABELS[place] and score.support == support
        assert (score.precision, score.recall, score.f1) == pytest.approx((precision, recall, f1), abs=1e-4)
        assert score.f1_low < score.f1 < score.f1_high
        assert score.auroc == pytest.approx(
            numpy.mean([roc_auc_score(t["gold"] == score.label, t[f"p({score.label})"]) for t in tables]), abs=1e-4
        )


def test_confusion_matrix():
    tables = [classified(seed) for seed in (1, 2)]
    found = details("text_classification", *tables, labels=LABELS).confusion
    each = [confusion_matrix(table["gold"], table["prediction"], labels=LABELS) for table in tables]
    assert found.labels == LABELS and found.matrix == sum(each).tolist()
    by_seed = {seed: numbers(lines) for seed, lines in found.by_seed.items()}
    assert by_seed == {"1": each[0].tolist(), "2": each[1].tolist()} and found.pairs == []


def test_confused_pairs_of_many_labels():
    labels = [f"l{n}" for n in range(MOST_LABELS + 1)]
    tables = [classified(seed, 2000, labels) for seed in (1, 2)]
    found = details("text_classification", *tables, labels=labels).confusion
    counts = sum(confusion_matrix(table["gold"], table["prediction"], labels=labels) for table in tables)
    numpy.fill_diagonal(counts, 0)
    assert found.matrix == [] and len(found.pairs) == MOST_PAIRS
    assert [pair.count for pair in found.pairs] == sorted(counts.ravel().tolist(), reverse=True)[:MOST_PAIRS]
    assert all(counts[labels.index(pair.gold), labels.index(pair.predicted)] == pair.count for pair in found.pairs)


@pytest.mark.parametrize("labels", [LABELS, LABELS[:2]])
def test_auroc(labels):
    tables = [classified(seed, labels=labels) for seed in (1, 2)]
    found = details("text_classification", *tables, labels=labels).auroc
    for seed, table in zip("12", tables, strict=True):
        chances = p_columns(table, labels)
        if len(labels) == 2:
            expected = roc_auc_score(table["gold"] == labels[1], chances[:, 1])
            assert found.by_seed[seed] == pytest.approx(expected, abs=1e-5)
        else:
            each = [roc_auc_score(table["gold"] == label, chances[:, n]) for n, label in enumerate(labels)]
            assert found.by_seed[seed] == pytest.approx(numpy.mean(each), abs=1e-5)
    assert found.mean == pytest.approx(numpy.mean(list(found.by_seed.values())), abs=1e-5)


@pytest.mark.parametrize("digits", [1, 12])
def test_one_auroc(digits):
    random = numpy.random.default_rng(0)
    positive, scores = random.random(200) < 0.3, random.random(200).round(digits)
    assert auroc(positive, scores) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)
    assert auroc([True, False], [0.5, 0.5]) == 0.5
    assert auroc([True, True], [0.1, 0.2]) is auroc([False], [0.1]) is auroc([True, False], [math.nan, 0.1]) is None


def test_calibration():
    table = classified(1, rows=500, digits=12)
    found = details("text_classification", table, labels=LABELS).calibration
    right = (table["gold"] == table["prediction"]).to_numpy()
    accuracy, confidence = calibration_curve(right, table["score"], n_bins=10)
    assert [(one.accuracy, one.confidence) for one in found.bins] == [
        pytest.approx(pair, abs=1e-5) for pair in zip(accuracy, confidence, strict=True)
    ]
    weights = numpy.array([one.count for one in found.bins]) / 500
    assert found.unit == "rows" and weights.sum() == 1
    assert found.ece.mean == pytest.approx((weights * abs(accuracy - confidence)).sum(), abs=1e-5)


def test_calibration_at_the_edges():
    tables = predicted(*[pandas.DataFrame({"x": range(4)})] * 2)
    found = calibration(tables, [[0.0, 1.0, math.nan, 0.5], [math.nan] * 4], [[0, 1, 1, 1], [1] * 4], "rows")
    assert [(one.low, one.high, one.count, one.accuracy) for one in found.bins] == [
        (0.0, 0.1, 1, 0.0), (0.4, 0.5, 1, 1.0), (0.9, 1.0, 1, 1.0),
    ]  # fmt: skip
    assert found.ece.by_seed == {"1": pytest.approx(0.5 / 3, abs=1e-6)}
    assert calibration(tables, [[math.nan] * 4] * 2, [[1] * 4] * 2, "rows") is None


def test_label_that_is_never_predicted_and_one_that_is_not_in_the_test():
    gold = ["a"] * 6 + ["b"] * 4
    first = pandas.DataFrame({"gold": gold, "prediction": ["a"] * 10})
    second = first.assign(prediction=["a"] * 9 + ["b"])
    found = details("text_classification", first, second, labels=LABELS)
    assert found.classes.never_predicted == {"b": 1} and found.auroc is None and found.calibration is None
    a, b, c = found.classes.scores
    assert (b.precision, b.recall, b.predicted) == (0.5, 0.125, 0.5)
    assert (c.support, c.precision, c.recall, c.f1) == (0, 0, 0, 0)
    assert found.errors == []  # nothing says how sure they are


def test_one_label_only():
    table = classified(1, gold=["a"] * 10)
    found = details("text_classification", table, labels=LABELS)
    assert found.auroc is None and [score.support for score in found.classes.scores] == [10, 0, 0]


def test_label_that_training_does_not_have():
    table = classified(1, gold=["a", "b", "new", "new"] * 3)
    found = details("text_classification", table, labels=LABELS)
    assert [score.label for score in found.classes.scores] == ["a", "b", "c", "new"]
    new = found.classes.scores[3]
    assert (new.support, new.recall, new.auroc) == (6, 0, None) and found.classes.never_predicted == {"new": 1}


def test_probabilities_that_are_no_number():
    table = classified(1)
    for column in ("score", "p(a)", "p(b)", "p(c)"):
        table[column] = math.nan
    found = details("text_classification", table, labels=LABELS)
    assert found.auroc is found.calibration is None and found.errors == []


def test_several_labels():
    random = numpy.random.default_rng(0)
    gold, chances = random.random((80, 3)) < 0.4, random.random((80, 3)).round(2)
    guess = chances > 0.5
    names = numpy.array(LABELS)
    sets = ([names[row].tolist() for row in side] for side in (gold, guess))
    frame = pandas.DataFrame(dict(zip(("gold", "prediction"), map(pandas.Series, sets), strict=True)))
    frame = with_chances(frame.assign(text="x", score=chances.max(1)), LABELS, chances)
    found = details("text_classification", frame, labels=LABELS)
    precision, recall, f1, support = precision_recall_fscore_support(gold, guess, zero_division=0)
    for n, score in enumerate(found.classes.scores):
        assert (score.support, score.precision) == (support[n], pytest.approx(precision[n], abs=1e-4))
        assert (score.recall, score.f1) == (pytest.approx(recall[n], abs=1e-4), pytest.approx(f1[n], abs=1e-4))
    assert found.auroc.mean == pytest.approx(roc_auc_score(gold, chances, average="macro"), abs=1e-4)
    assert found.confusion is None and found.calibration.unit == "labels"
    assert sum(one.count for one in found.calibration.bins) == 240


def test_no_labels_at_all():
    frame = pandas.DataFrame({"gold": pandas.Series([[], []]), "prediction": pandas.Series([[], []])})
    found = details("text_classification", frame)
    assert found.classes.scores == [] and found.classes.labels == 0


def test_most_confident_errors():
    table = classified(1, rows=200)
    found = details("text_classification", table, classified(2, rows=200), labels=LABELS).errors
    wrong = table[table["gold"] != table["prediction"]].sort_values("score", ascending=False, kind="stable")
    assert [error.row for error in found] == wrong["row"].tolist()[:MOST_ERRORS]
    assert (found[0].gold, found[0].predicted) == (wrong["gold"].iloc[0], wrong["prediction"].iloc[0])
    assert found[0].text == wrong["text"].iloc[0] and found[0].score == wrong["score"].iloc[0]


def test_many_labels_stay_small(tmp_path):
    labels = [f"a rather long label, {n}" for n in range(150)]
    tables = [classified(seed, 3000, labels).assign(text="word " * 1000) for seed in range(5)]
    found = details("text_classification", *tables, labels=labels)
    assert found.confusion.labels == [] and len(found.confusion.pairs) == MOST_PAIRS
    assert len(found.classes.scores) == MOST_LABELS and found.classes.labels == 150
    records.write(tmp_path / "many.json", found)
    few = [f"a rather long label, {n}" for n in range(MOST_LABELS)]
    tables = [classified(seed, 3000, few).assign(text="word " * 1000) for seed in range(5)]
    found = details("text_classification", *tables, labels=few)
    assert len(found.confusion.matrix) == MOST_LABELS and not found.confusion.by_seed
    records.write(tmp_path / "few.json", found)
    assert records.read(Details, tmp_path / "few.json") == found
    assert max(file.stat().st_size for file in tmp_path.iterdir()) < 20_000


def tagged(gold: list[list[str]], guess: list[list[str]], **columns) -> pandas.DataFrame:
    words = [[f"w{n}" for n in range(len(row))] for row in gold]
    cells = {"words": words, "gold": gold, "prediction": guess, **columns}
    return pandas.DataFrame({name: pandas.Series(values) for name, values in cells.items()})


def test_tags():
    random = numpy.random.default_rng(0)
    gold = [random.choice(["N", "V", "D"], 7).tolist() for _ in range(20)]
    guess = [random.choice(["N", "V", "D", "<none>"], 7).tolist() for _ in range(20)]
    scores = [random.random(7).tolist() for _ in range(20)]
    found = details("token_classification", tagged(gold, guess, score=scores), labels=["D", "N", "V"])
    flat = [tag for row in gold for tag in row], [tag for row in guess for tag in row]
    precision, recall, f1, support = precision_recall_fscore_support(*flat, labels=["D", "N", "V"], zero_division=0)
    assert found.classes.unit == "words" and [one.label for one in found.classes.scores] == ["D", "N", "V"]
    assert [one.f1 for one in found.classes.scores] == pytest.approx(f1.tolist(), abs=1e-4)
    assert [one.support for one in found.classes.scores] == support.tolist()
    assert found.confusion.labels == ["D", "N", "V", "<none>"]
    assert found.confusion.matrix == confusion_matrix(*flat, labels=found.confusion.labels).tolist()
    assert found.calibration.unit == "words" and len(found.errors) == MOST_ERRORS
    assert found.errors[0].text.count("⟦") == 1


def test_entities():
    from seqeval.metrics import classification_report

    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O", "O", "B-PER"]]
    guess = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "I-LOC", "O", "B-PER"]]
    labels = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    found = details("token_classification", tagged(gold, guess), labels=labels)
    expected = classification_report(gold, guess, output_dict=True)
    assert found.classes.unit == "entities" and [one.label for one in found.classes.scores] == ["LOC", "PER"]
    for one in found.classes.scores:
        of = expected[one.label]
        got = one.precision, one.recall, one.f1, one.support
        assert got == pytest.approx([of[name] for name in ("precision", "recall", "f1-score", "support")], abs=1e-4)
    assert found.errors == [] and found.confusion.labels == labels


def test_entities_that_all_are_missing():
    found = details("token_classification", tagged([["O", "O"]], [["O", "B-X"]]), labels=["O", "B-X"])
    assert [(one.label, one.support, one.predicted, one.f1) for one in found.classes.scores] == [("X", 0, 1, 0)]


def test_residuals():
    random = numpy.random.default_rng(0)
    gold = random.normal(size=1000)
    guess = gold + random.normal(size=1000)
    table = pandas.DataFrame({"row": range(1000), "text": "t", "gold": gold, "prediction": guess})
    found = details("regression", table)
    assert [one.count for one in found.residuals.bins] == [100] * 10
    lowest = numpy.argsort(guess)[:100]
    first = found.residuals.bins[0]
    assert first.prediction == pytest.approx(guess[lowest].mean(), abs=1e-5)
    assert first.gold == pytest.approx(gold[lowest].mean(), abs=1e-5)
    assert first.quantiles[2] == pytest.approx(numpy.median((gold - guess)[lowest]), abs=1e-5)
    assert [error.row for error in found.errors] == numpy.argsort(-abs(gold - guess))[:MOST_ERRORS].tolist()
    assert found.errors[0].score == pytest.approx((gold - guess)[found.errors[0].row], abs=1e-5)


def test_residuals_of_a_constant_and_of_no_numbers():
    (one,) = residuals([1.0, 2.0, 3.0], [[2.0] * 3]).bins
    assert (one.low, one.high, one.count, one.prediction, one.gold) == (2.0, 2.0, 3, 2.0, 2.0)
    assert residuals([1.0], [[math.nan]]) is None
    assert sum(one.count for one in residuals([1.0, 2.0], [[math.nan, 2.0], [1.0, 3.0]]).bins) == 3


def test_phenomena():
    table = pandas.DataFrame({"gold": 0, "prediction": [0, 1, 0, 0], "phenomenon": list("aabb")}).assign(
        good="g", bad="b"
    )
    found = details("minimal_pairs", table.assign(score=[1.0, 2.0, 0.5, 0.1]), table.assign(prediction=0, score=1.0))
    groups = [(one.name, one.rows, one.metric, one.mean) for one in found.groups]
    assert groups == [("a", 2, "accuracy", 0.75), ("b", 2, "accuracy", 1.0)] and found.groups[0].low is not None
    assert [(one.row, one.text, one.score) for one in found.errors] == [(1, "a", 2.0)]


def test_questions():
    answers = pandas.Series([["Rome"], [], ["Oslo"]])
    table = pandas.DataFrame({"question": ["q0", "q1", "q2"], "gold": answers, "prediction": ["Rome", "Bonn", "Paris"]})
    found = details("question_answering", table.assign(score=[0.9, 0.7, 0.8], context="c"))
    assert [(one.name, one.rows, one.metric, one.mean) for one in found.groups] == [
        ("answerable", 2, "f1", 0.5),
        ("unanswerable", 1, "f1", 0.0),
    ]
    assert [(one.text, one.gold, one.predicted) for one in found.errors] == [
        ("q2", "Oslo", "Paris"),
        ("q1", "", "Bonn"),
    ]


def test_choices():
    choices = pandas.Series([["x", "y"], ["u", "v", "w"]])
    table = pandas.DataFrame({"text": ["p", "q"], "choices": choices, "gold": [0, 1], "prediction": [0, 2]})
    found = details("multiple_choice", table.assign(score=[0.9, 0.6]))
    assert [(one.text, one.gold, one.predicted, one.score) for one in found.errors] == [("q", "v", "w", 0.6)]
    assert [one.count for one in found.calibration.bins] == [1, 1]


def test_types_without_details():
    assert task_types.get("language_modeling").details(predicted(pandas.DataFrame({"nats": [1.0]}))) is None


def test_collapsed_seeds():
    gold = ["a", "b", "a", "b"]
    one = pandas.DataFrame({"gold": gold, "prediction": ["a"] * 4})
    other = one.assign(prediction=gold)
    (flag,) = flags(predicted(other, one, other), {"1": 1.0, "2": 0.5, "3": 1.0})
    assert (flag.seed, flag.reason, flag.value, flag.median, flag.prediction) == ("2", "collapsed", 0.5, 1.0, "a")
    assert flags(predicted(one, deterministic=True), {"": 0.5}) == []
    assert always(one.assign(gold="a")) is None  # it is right
    assert always(tagged([["N", "V"], ["N"]], [["N", "N"], ["N"]])) == "N"
    assert always(tagged([["N", "V"], ["N"]], [["N", "V"], ["N"]])) is None
    numbers_ = pandas.DataFrame({"gold": [1.0, 2.0, 3.0], "prediction": [2.0, 2.001, 2.0]})
    assert always(numbers_) == "2" and always(numbers_.assign(prediction=[1.0, 2.0, 2.0])) is None
    assert always(pandas.DataFrame({"gold": pandas.Series([["a"], []]), "prediction": pandas.Series([[], []])})) == ""


def test_seeds_unlike_the_others():
    tables = [pandas.DataFrame({"gold": ["a", "b"], "prediction": ["a", "b"]})] * 5
    values = {"1": 0.80, "2": 0.81, "3": 0.50, "4": 0.82, "5": math.nan}
    found = flags(predicted(*tables), values, noise=0.02)
    told = [(flag.seed, flag.reason, flag.value) for flag in found]
    assert told == [("3", "outlier", 0.5), ("5", "not finite", None)] and {flag.median for flag in found} == {0.805}


def test_outliers():
    assert outliers([0.80, 0.81, 0.50, 0.82]) == [2]
    assert outliers([0.80, 0.81, 0.50, 0.82], noise=0.2) == []
    assert outliers([0.8, 0.1]) == outliers([]) == outliers([0.8, 0.8, 0.8]) == []
    assert outliers([0.8, 0.8, 0.8, 0.7]) == [3]
    assert outliers([0.8, 0.8, math.nan, 0.8, 0.1]) == [4]


def test_texts_and_numbers_are_short():
    assert shortened("a  b\nc") == "a b c" and shortened("word " * 100, 20) == "word word word …"
    assert len(shortened("x" * 400)) <= 300 and rounded(1 / 3) == 0.333333 and rounded(math.inf) is None
    assert rounded(123456789.0) == 123457000.0
