"""Duplicates: equal and nearly equal documents, repeated paragraphs; the order of the source decides nothing."""

import json
import logging
import random
from pathlib import Path

import numpy
import pytest
from pydantic import ValidationError

from snakelm.fetch_corpus import minhash, near
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.fetch_corpus.fetch import fetch_corpus
from snakelm.fetch_corpus.minhash import signature
from snakelm.fetch_corpus.near import bands, clusters
from snakelm.readers.corpus import iter_texts, read_split
from snakelm.runs.context import RunContext

WORDS = [f"{a}{b}{c}" for a in "bdfgkl" for b in "aeiou" for c in ("n", "r", "st", "ck")]


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logging.getLogger("snakelm").propagate = True


def text(seed, words=200):
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def changed(original, seed, words=3):
    """The text with a few of its words exchanged."""
    drawn, parts = random.Random(seed), original.split()
    for _ in range(words):
        parts[drawn.randrange(len(parts))] = drawn.choice(WORDS)
    return " ".join(parts)


def jaccard(one, other, n=12):
    one, other = ({each[at : at + n] for at in range(len(each) - n + 1)} for each in (one, other))
    return len(one & other) / len(one | other)


def fetch(name, rows=None, **config):
    if rows is not None:
        Path(f"{name}.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
        config["files"] = f"{name}.jsonl"
    out, work = Path(name), Path(f"{name}-work")
    out.mkdir()
    work.mkdir()
    numbers = fetch_corpus(RunContext("mine", CorpusConfig(**config), {}, out, work))
    assert not list(work.iterdir()), "scratch files stay"
    json.dumps(numbers, allow_nan=False)
    return out, numbers


@pytest.mark.parametrize("unit", ["char", "word"])
@pytest.mark.parametrize("length", [15, 200, 3000])
def test_signatures_estimate_the_similarity(unit, length):
    n = 12 if unit == "char" else 5
    errors = []
    for seed in range(20):
        one = text(seed, length)
        other = changed(one, seed, max(1, length // 40))
        split = (lambda each: each) if unit == "char" else str.split
        grams = [{tuple(split(each)[at : at + n]) for at in range(len(split(each)) - n + 1)} for each in (one, other)]
        true = len(grams[0] & grams[1]) / len(grams[0] | grams[1])
        errors.append((signature(one, unit, n) == signature(other, unit, n)).mean() - true)
    assert abs(numpy.mean(errors)) < 0.03 and numpy.std(errors) < 0.09
    assert (signature(text(1, length), unit, n) == signature(text(2, length), unit, n)).mean() < 0.15


def test_signatures_see_neither_capitals_nor_layout_nor_the_size_of_pieces(monkeypatch):
    whole = text(0, 3000)
    plain = signature(whole, "char", 12)
    assert (plain == signature(whole.upper().replace(" ", " \n\t"), "char", 12)).all()
    monkeypatch.setattr(minhash, "PIECE", 1000)
    for unit, n in (("char", 12), ("word", 5), ("char", 1)):
        pieces = signature(whole, unit, n)
        monkeypatch.undo()
        assert (pieces == signature(whole, unit, n)).all()
        monkeypatch.setattr(minhash, "PIECE", 1000)
    assert signature("x", "char", 12).shape == (128,) and (signature("x", "word", 5) != signature("y", "word", 5)).any()


def test_bands_find_nearly_all_at_the_threshold():
    assert bands(0.8) == (21, 6) and bands(0.9) == (12, 10) and bands(1.0) == (1, 128)
    for similarity in (0.2, 0.5, 0.7, 0.95):
        count, rows = bands(similarity)
        assert 1 - (1 - similarity**rows) ** count >= 0.99


def test_recall_and_precision(tmp_path):
    originals = [text(seed) for seed in range(300)]
    copies = [changed(each, seed, 2) for seed, each in enumerate(originals)]
    true = [jaccard(*pair) for pair in zip(originals, copies, strict=True)]
    assert min(true) > 0.85
    signatures = numpy.stack([signature(each, "char", 12) for each in originals + copies])
    (tmp_path / "s").write_bytes(signatures.astype("<u4").tobytes())
    first = clusters(tmp_path / "s", numpy.arange(600), 0.8)
    assert (first[:300] == numpy.arange(300)).all(), "no two originals are alike"
    assert (first[300:] == numpy.arange(300)).mean() > 0.98


def test_near_duplicates_go_and_the_order_does_not_matter():
    originals = [text(seed) for seed in range(40)]
    rows = originals + [changed(each, seed) for seed, each in enumerate(originals[:10])] + originals[:3]
    out, numbers = fetch("one", rows, split="none", deduplicate="near")
    kept = set(iter_texts(out))
    assert len(kept) == 40 and numbers["dropped"]["duplicates"] == 13
    assert len(numbers["duplicates"]["near_duplicates"]) == 10
    assert all(jaccard(pair["removed"], pair["kept"]) > 0.5 for pair in numbers["duplicates"]["near_duplicates"])
    random.Random(5).shuffle(rows)
    again, others = fetch("two", rows, split="none", deduplicate="near")
    assert set(iter_texts(again)) == kept and others["duplicates"] == numbers["duplicates"]
    assert fetch("exact", rows, split="none", deduplicate="exact")[1]["documents"] == {"train": 50}


def test_scripts_without_spaces():
    drawn = random.Random(0)
    one = "".join(chr(drawn.randrange(0x4E00, 0x5200)) for _ in range(400))
    rows = [one, one[:200] + "新" + one[201:], one[::-1]]
    out, _ = fetch("one", rows, split="none", deduplicate={"documents": "near", "ngram": 5})
    assert len(list(iter_texts(out))) == 2


def test_the_copy_that_stays_is_held_out_or_of_the_preferred_source():
    common = text(1)
    for name, row in {"a": common, "b": changed(common, 1), "c": changed(common, 2)}.items():
        Path(f"{name}.txt").write_text(row)
        Path(f"{name}-own.txt").write_text(text(name))
    sources = [{"files": [f"{name}.txt", f"{name}-own.txt"], "name": name} for name in "abc"]
    for number, (options, kept) in enumerate(
        [
            ({"deduplicate": "near"}, "a"),
            ({"deduplicate": {"documents": "near", "prefer": ["c"]}}, "c"),
            ({"deduplicate": {"documents": "near", "prefer": ["b", "a"]}}, "b"),
        ]
    ):
        out, numbers = fetch(f"run{number}", sources=sources, split="none", **options)
        frame = read_split(out, "train")
        assert frame["source"].value_counts().to_dict() == {**dict.fromkeys("abc", 1), kept: 2}
    Path("gold.txt").write_text(changed(common, 3))
    out, numbers = fetch("held", sources=sources, validation={"files": "gold.txt"}, deduplicate="near")
    assert numbers["documents"] == {"train": 3, "validation": 1} and numbers["held_out_near_duplicates_in_train"] == 0
    with pytest.raises(ValidationError, match="deduplicate: prefer: no source 'd'"):
        CorpusConfig(sources=sources, deduplicate={"prefer": ["d"]})


def test_exact_duplicates_prefer_a_source_too():
    for name in "ab":
        Path(f"{name}.txt").write_text(f"same\n{name}\n")
    sources = [{"files": f"{name}.txt", "unit": "line"} for name in "ab"]
    for name, prefer, kept in (("one", [], "a"), ("two", ["b"], "b")):
        out, numbers = fetch(name, sources=sources, split="none", deduplicate={"documents": "exact", "prefer": prefer})
        frame = read_split(out, "train")
        assert frame[frame.text == "same"]["source"].tolist() == [kept]
        assert numbers["sources"][kept]["dropped"]["duplicates"] == 0


def test_near_duplicates_between_splits_are_told(caplog):
    originals = [text(seed) for seed in range(40)]
    rows = originals + [changed(each, seed) for seed, each in enumerate(originals)]
    _, numbers = fetch("one", rows, split={"validation": 0.2}, deduplicate={"check_splits": "near"})
    assert numbers["documents"] == {"train": 64, "validation": 16}
    assert numbers["held_out_texts_also_in_train"] == 0 and numbers["held_out_near_duplicates_in_train"] > 5
    assert "of 16 held-out documents nearly equal a training document" in caplog.text


def test_paragraphs_that_stand_elsewhere_go():
    notice = "This notice stands on every page of the site."
    rows = [f"{notice}\n\nStory {at} is told here, once.\n\n*" for at in range(8)] + [
        notice,
        f"\n\n{notice}\r\n\r\nEnd",
    ]
    out, numbers = fetch("one", rows, split="none", deduplicate={"paragraphs": "exact"})
    texts = list(iter_texts(out))
    assert sum(notice in each for each in texts) == 1
    assert all(f"Story {at} is told here, once.\n\n*" in texts[at] for at in range(8))
    assert numbers["duplicates"] == {
        "paragraphs": 9, "paragraph_characters": 9 * len(notice), "paragraph_examples": [notice],
    }  # fmt: skip
    assert numbers["documents"]["train"] + numbers["dropped"]["emptied"] == 10
    random.Random(1).shuffle(rows)
    again, others = fetch("two", rows, split="none", deduplicate={"paragraphs": "exact"})
    assert sorted(iter_texts(again)) == sorted(texts) and others["duplicates"] == numbers["duplicates"]


def test_paragraphs_of_documents_that_go_do_not_count(monkeypatch):
    monkeypatch.setattr("snakelm.fetch_corpus.paragraphs.AT_ONCE", 3)
    rows = ["A paragraph of some length.\n\nAnother paragraph of it."] * 3 + ["Another paragraph of it."]
    out, numbers = fetch("one", rows, split="none", deduplicate={"documents": "exact", "paragraphs": "exact"})
    assert "".join(iter_texts(out)).count("Another") == 1 and "A paragraph of some" in "".join(iter_texts(out))
    assert numbers["dropped"]["duplicates"] == 2


def test_many_passes_and_small_steps_change_nothing(monkeypatch):
    originals = [f"{text(seed)}\n\n{text(seed % 7, 30)}" for seed in range(60)]
    rows = originals + [changed(each, seed) for seed, each in enumerate(originals)]
    options = {"split": "none", "deduplicate": {"documents": "near", "paragraphs": "exact"}}
    texts = list(iter_texts(fetch("one", rows, **options)[0]))
    monkeypatch.setattr("snakelm.fetch_corpus.paragraphs.AT_ONCE", 7)
    monkeypatch.setattr(near, "AT_ONCE", 5)
    monkeypatch.setattr(minhash, "PIECE", 100)
    assert list(iter_texts(fetch("two", rows, **options)[0])) == texts
