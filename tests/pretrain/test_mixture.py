"""How often each source of a corpus is read: shares, repetitions, and what the corpus declares for its models."""

import json
import logging
from collections import Counter
from pathlib import Path

import numpy
import pytest

from snakelm.core.errors import UserError
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.fetch_corpus.fetch import fetch_corpus
from snakelm.planning.planner import make_plan
from snakelm.pretrain.config import MixtureConfig
from snakelm.pretrain.mixture import Mixture, places
from snakelm.pretrain.pretrain import pretrain
from snakelm.pretrain.stream import Span, TokenStream
from snakelm.readers.corpus import source_runs
from snakelm.recipe.loading import load
from snakelm.recipe.mixing import mixture_of
from snakelm.runs.context import RunContext
from snakelm.runs.store import Store
from tests.pretrain import lab

SPANS = (Span("a", 0, 1000, 0), Span("b", 1000, 1205, 0))


def of(mixture, epoch=0, **config):
    """How often each sequence of the stream (10 tokens each) is read in an epoch."""
    return Counter(mixture.row(epoch, place) for place in range(mixture.rows))


def mixture(seed=0, **config):
    return Mixture(MixtureConfig(**config), SPANS, rows=120, stride=10, seed=seed)


def test_repetitions_and_the_part_that_is_left_over():
    mixed = mixture(epochs={"a": 0.25, "b": 2})
    assert mixed.places == {"a": 25, "b": 40} and mixed.rows == 65
    counts = [of(mixed, epoch) for epoch in range(4)]
    assert all(count[row] == 2 for count in counts for row in range(100, 120))
    whole = sum(counts, Counter())
    assert all(whole[row] == 1 for row in range(100)), "four quarters are all of it"
    assert (
        mixture(seed=1, epochs={"a": 0.25}).row(0, 0) != mixed.row(0, 0)
        or of(mixture(1, epochs={"a": 0.25})) != counts[0]
    )
    assert of(mixture(epochs={"a": 0.25, "b": 2})) == counts[0]


def test_shares_by_weight_and_by_temperature():
    sizes = {"a": 900, "b": 100}
    assert places(MixtureConfig(weights={"a": 1, "b": 3}), sizes) == {"a": 250, "b": 750}
    assert places(MixtureConfig(temperature=1), sizes) == sizes
    assert places(MixtureConfig(temperature=2), sizes) == {"a": 750, "b": 250}
    assert places(MixtureConfig(temperature=1000), sizes) == {"a": 501, "b": 499}


def test_at_most_so_many_tokens_of_a_source():
    mixed = mixture(max_tokens={"a": 305})
    count = of(mixed)
    assert mixed.places == {"a": 30, "b": 20} and len(count) == 50
    assert of(mixed, 1) == count, "the same ones in each epoch"
    assert max(row for row in count if row < 100) > 60, "drawn from all of it"


def test_slips_are_named(caplog):
    logging.getLogger("snakelm").propagate = True
    assert mixture(weights={"a": 1, "b": 1, "c": 2}).places == {"a": 60, "b": 60}
    assert "mixture: c: no text of it is left to train on" in caplog.text
    with pytest.raises(UserError, match="no weight for source b"):
        mixture(weights={"a": 1})
    with pytest.raises(UserError, match="source tiny has 3 tokens, fewer than one sequence"):
        Mixture(MixtureConfig(temperature=2), (*SPANS, Span("tiny", 1205, 1208, 0)), 120, 10, 0)
    for wrong in ({}, {"weights": {"a": 1}, "temperature": 2}, {"weights": {"a": 0}}):
        with pytest.raises(ValueError):
            MixtureConfig(**wrong)


def test_the_corpus_declares_it():
    sources = [{"files": "a.txt", "weight": 2}, {"files": "b.txt", "weight": 1, "max_tokens": "10k"}]
    found = mixture_of(CorpusConfig(sources=sources))
    assert found == MixtureConfig(weights={"a": 2, "b": 1}, max_tokens={"b": 10_000})
    assert mixture_of(CorpusConfig(files="a.txt")) is None
    with pytest.raises(ValueError, match="no weight for source c"):
        mixture_of(CorpusConfig(sources=[*sources, {"files": "c.txt"}]))
    with pytest.raises(ValueError, match="weight and temperature of sources exclude each other"):
        mixture_of(CorpusConfig(sources=sources, temperature=2))
    with pytest.raises(ValueError, match="temperature is for several sources"):
        mixture_of(CorpusConfig(files="a.txt", temperature=2))


RECIPE = """
corpora: {{two: {{sources: [{{files: a.txt, unit: line{a}}}, {{files: b.txt, unit: line{b}}}]}}}}
tokenizers: {{t: {{corpus: two, kind: byte_level_bpe, vocab_size: 300}}}}
models: {{m: {{corpus: two, tokenizer: t, architecture: gpt2, objective: clm, steps: 2{m}}}}}
"""


def test_other_weights_make_other_models_of_the_same_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(f"{name}.txt").write_text(f"{name}\n" * 9)

    def ids(a="", b="", m=""):
        Path("r.yaml").write_text(RECIPE.format(a=a, b=b, m=m))
        plan = make_plan(load(["r.yaml"]), Store())
        return {run.stage: run.id for run in plan.runs.values()}

    plain, weighted, same = ids(), ids(", weight: 2", ", weight: 1"), ids(m=", mixture: {weights: {a: 2, b: 1}}")
    assert [stage for stage in plain if plain[stage] != weighted[stage]] == ["pretrain", "report"]
    assert weighted == same
    with pytest.raises(UserError, match=r"models.m.mixture.weights: corpus two has no source 'c'"):
        ids(m=", mixture: {weights: {a: 2, b: 1, c: 1}}")
    with pytest.raises(UserError, match=r"corpora.two: no weight for source b"):
        ids(", weight: 2")


@pytest.mark.parametrize(("a", "m"), [(", weight: 2", ""), ("", ", mixture: {temperature: 2}")])
def test_documents_are_not_shuffled_in_a_mixture(tmp_path, monkeypatch, a, m):
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(RECIPE.format(a=a, b=a, m=f"{m}, order: documents"))
    with pytest.raises(UserError) as caught:
        load(["r.yaml"])
    (line,) = caught.value.lines
    assert line.startswith("r.yaml: models.m.order: documents cannot be shuffled in a mixture of sources, which the")
    Path("r.yaml").write_text(RECIPE.format(a="", b="", m=", order: documents"))
    load(["r.yaml"])


def test_encoded_text_stays_addressable_by_source(parents, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = {"one": ["first é", "second"], "two": ["third"] * 30}
    for name, rows in texts.items():
        Path(f"{name}.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    out, work = Path("corpus"), Path("work")
    out.mkdir()
    work.mkdir()
    config = CorpusConfig(sources=[{"files": f"{name}.jsonl"} for name in texts], split="none")
    fetch_corpus(RunContext("c", config, {}, out, work))
    assert source_runs(out, "train") == [("one", 2), ("two", 30)]
    folder = lab.encode(out, parents["tokenizer"], tmp_path / "out")
    stream = TokenStream(folder, "train")
    one, two = stream.sources
    offsets = numpy.load(folder / "train.offsets.npy")
    assert (one.begin, one.end, two.begin, two.end) == (0, offsets[2], offsets[2], stream.tokens)
    assert one.bytes == len("first ésecond".encode()) and one.bytes + two.bytes == stream.bytes


def test_training_reads_the_mixture_and_is_judged_by_source(parents, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = []
    for name, count in (("one", 40), ("two", 20)):
        Path(f"{name}.txt").write_text("\n".join(lab.sentences(count, start=len(sources) * 500)))
        sources.append({"files": f"{name}.txt", "unit": "line"})
    out, work = Path("corpus"), Path("work")
    out.mkdir()
    work.mkdir()
    fetch_corpus(RunContext("c", CorpusConfig(sources=sources, split={"validation": 0.3}), {}, out, work))
    there = parents | {"encoded": lab.encode(out, parents["tokenizer"], tmp_path / "out")}
    plain, doubled = (
        pretrain(lab.job(tmp_path / name, there, steps=4, **keys))
        for name, keys in {"plain": {}, "doubled": {"mixture": {"epochs": {"one": 2, "two": 2}}}}.items()
    )
    assert plain["epochs"] == pytest.approx(2 * doubled["epochs"], rel=1e-3) and plain["loss"] != doubled["loss"]
    by_source = doubled["validation_by_source"]
    losses = [by_source[name]["validation_loss"] for name in ("one", "two")]
    assert min(losses) < doubled["validation_loss"] < max(losses)
    with pytest.raises(UserError, match="mixture: the corpus has no named sources"):
        pretrain(lab.job(tmp_path / "unnamed", parents, steps=4, mixture={"temperature": 2}))


def test_temperature_over_languages():
    sizes = {"a": 300, "b": 600, "c": 100}
    groups = {"a": "de", "b": "de", "c": "en"}
    assert places(MixtureConfig(temperature=2, groups=groups), sizes) == {"a": 250, "b": 500, "c": 250}
    sources = [{"files": f"{name}.txt", "language": language} for name, language in groups.items()]
    corpus = {"temperature": 2, "temperature_over": "languages"}
    assert mixture_of(CorpusConfig(sources=sources, **corpus)) == MixtureConfig(temperature=2, groups=groups)
    with pytest.raises(ValueError, match="source d does not state its language"):
        mixture_of(CorpusConfig(sources=[*sources, {"files": "d.txt"}], **corpus))
    with pytest.raises(ValueError, match="groups go with a temperature"):
        MixtureConfig(weights={"a": 1}, groups=groups)
