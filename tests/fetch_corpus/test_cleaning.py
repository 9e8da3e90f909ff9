"""Cleaning steps: each by itself, and what the stage counts and shows of them."""

import json
import logging
import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from snakelm.core.errors import UserError
from snakelm.fetch_corpus.cleaning.personal_data import is_iban
from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.fetch_corpus.fetch import fetch_corpus
from snakelm.fetch_corpus.measures import duplicate_ngram_share, duplicate_share, top_ngram_share
from snakelm.fetch_corpus.steps import Dropped, cleaning_steps, read_step
from snakelm.readers.corpus import iter_texts
from snakelm.readers.row import Row
from snakelm.recipe.loading import load
from snakelm.runs.code import CodeDigests
from snakelm.runs.context import RunContext
from snakelm.runs.digests import FileDigests
from snakelm.runs.fingerprints import fingerprint
from snakelm.runs.identity import components

PROSE = "The city lay quiet in the morning, and the people of that old quarter were glad to have it so. " * 8


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logging.getLogger("snakelm").propagate = True


def clean(text, step, **keys):
    found = read_step({"step": step, **keys}).cleaner()(text, Row({"text": text}, "a.txt", 1))
    return found.reason if isinstance(found, Dropped) else found


def fetch(rows, name="run", **config):
    Path(f"{name}.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    out, work = Path(name), Path(f"{name}-work")
    out.mkdir()
    work.mkdir()
    given = {} if "sources" in config else {"files": f"{name}.jsonl"}
    return out, fetch_corpus(RunContext("mine", CorpusConfig(**given, split="none", **config), {}, out, work))


def test_mojibake():
    assert clean("cafÃ© â€œquotedâ€\x9d", "ftfy") == "café “quoted”"
    assert clean("“curly” ﬁne & &amp;", "ftfy") == "“curly” ﬁne & &amp;", "only what was decoded in the wrong way"
    assert clean("“curly” ﬁne", "ftfy", all_fixes=True) == '"curly" fine'


def test_html():
    page = (
        "<!DOCTYPE html><html><head><title>no</title><style>p {}</style></head><body><h1>Head &amp; tail</h1>"
        "<p>One <b>two</b>\n three.<br>Line<script>var no = '<p>';</script></p>"
        "<ul><li>a<li>b</ul>caf&eacute;</body></html>"
    )
    assert clean(page, "html") == "Head & tail\n\nOne two three.\nLine\n\na\nb\n\ncafé"
    assert clean("1 < 2 and 3 > 2", "html") == "1 < 2 and 3 > 2"
    assert clean("<head>never closed <body>seen</body>", "html") == "seen"


def test_whitespace_and_control_characters():
    assert clean("a  b\t c \r\n\n\n\n d\n", "whitespace") == "a b c\n\nd\n"
    assert clean("wrapped\ntext\n\nnext", "whitespace", join_lines=True) == "wrapped text\n\nnext"
    assert clean("a\x00b\x7f\t\n\u200bc\u200d", "control_characters") == "ab\t\n\u200bc\u200d"
    assert clean("a\u200bc\u200d\xad", "control_characters", invisible=True) == "ac\u200d"


def test_boilerplate_and_repeated_lines():
    page = "We use of cookies here.\nA text.\nRead more\n© 2020 Somebody\nThe end."
    assert clean(page, "boilerplate_lines") == "A text.\nThe end."
    assert clean("Privacy Policy", "boilerplate_lines") == "nothing but boilerplate"
    assert clean("keep\nADVERT 3", "boilerplate_lines", patterns=["advert"]) == "keep"
    assert clean("a\nb\na\n\nc\n b", "repeated") == "a\nb\n\nc"
    assert clean("x y\n\nz\n\nx y", "repeated", unit="paragraph") == "x y\n\nz"
    assert clean("a\nlong line\na\nlong line", "repeated", min_chars=3) == "a\nlong line\na"


def test_length_and_ratios():
    assert clean("one two", "length", min_words=3) == "fewer than 3 words"
    assert clean("one two", "length", max_chars=5) == "more than 5 chars"
    assert clean("a\n\nb", "length", max_lines=2, min_lines=2, min_chars="1k") == "fewer than 1000 chars"
    assert clean("one two", "length", min_words=2, max_words=2) == "one two"
    assert clean("12 34 ab", "ratios", max_digits=0.5) == "too many digits"
    assert clean("12 34 ab", "ratios", min_letters=0.5) == "too few letters"
    assert clean("AB c", "ratios", max_capitals=0.5) == "too many capitals"
    assert clean("!? a", "ratios", max_symbols=0.5) == "too many symbols"
    assert clean("देवनागरी", "ratios", min_letters=1) == "देवनागरी", "marks belong to letters"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE, None),
        ("The be to of.", "too few words"),
        (PROSE.replace("quiet", "#quiet #x #y"), "too many hash signs"),
        (PROSE.replace("quiet", "quiet... ... ..."), "too many ellipses"),
        ("\n".join(f"- {line}." for line in PROSE.split(".")), "too many bullets"),
        ("a b " * 60, "mean word too short or long"),
        ("the of 12345 23456 34567 " * 30, "too few words with letters"),
        ("Stadt lag still am Morgen und Leute waren froh darum " * 8, "too few stop words"),
    ],
)
def test_gopher_quality(text, reason):
    assert clean(text, "gopher_quality") == (reason or text)


def test_gopher_repetition():
    words = [f"word{random.Random(1).random()}{at}" for at in range(400)]
    assert clean(" ".join(words), "gopher_repetition") == " ".join(words)
    assert clean("same line\n" * 5 + " ".join(words), "gopher_repetition") == "too many lines are copies"
    assert clean(" ".join(words[:100] + words[:100]), "gopher_repetition") == "too many 5-grams are copies"
    assert clean("a b " * 50 + " ".join(words[:5]), "gopher_repetition") == "one 2-gram too often"


def test_measures():
    assert duplicate_share(["a", "bb", "a", "a"]) == (0.5, 2 / 5)
    assert top_ngram_share(["a", "b", "a", "b", "c"], 2) == 2 * 2 / 5 and top_ngram_share(["a", "b", "c"], 2) == 0
    assert duplicate_ngram_share(["a", "b", "c", "a", "b", "c"], 3) == 0.5
    assert duplicate_ngram_share(["a", "a", "a", "a"], 2) == 0.75
    assert duplicate_ngram_share([], 5) == 0


def test_c4_and_fineweb():
    kept = "This line has quite enough words.[3]\nSo does this one, it seems to me!\nAnd is this one a sentence?"
    page = f"Menu\n{kept}\nthis line does not end\nPlease read our privacy policy first, dear reader.\nToo short."
    assert clean(page, "c4") == kept.replace("[3]", "")
    assert clean("One sentence with enough words in it.", "c4") == "too few sentences"
    assert clean(f"{kept} {{", "c4") == "a brace" and clean(f"{kept} Lorem ipsum", "c4") == "lorem ipsum"
    assert clean("menu\nhome", "c4") == "no line is a sentence"
    long = "This is a line of more than thirty characters, for once."
    assert clean(long, "fineweb") == long
    assert clean("\n".join([long] * 2), "fineweb") == "too many lines are copies"
    assert clean("\n".join([f"item number {at}" for at in range(20)]), "fineweb") == "too few lines end like a sentence"
    assert clean("\n".join([f"Item {at}." for at in range(20)]), "fineweb") == "too many short lines"


def test_language():
    german = "Der schnelle braune Fuchs springt über den faulen Hund, und niemand wundert sich darüber."
    assert clean(german, "language", keep=["de"]) == german
    assert clean(PROSE, "language", keep=["de"]) == "language en"
    assert clean(german, "language", keep=["de"], min_confidence=1) == "language uncertain"
    assert clean(PROSE, "language", keep=["de"], candidates=["fr"]) != "language en"
    with pytest.raises(UserError, match="step language: unknown language 'german'"):
        clean(german, "language", keep=["german"])


def test_personal_data():
    hidden = {
        "Write to jane.doe+x@mail.example.co.uk.": "Write to <email>.",
        "Call +49 (0)30 1234 5678 or (555) 123-4567!": "Call <phone> or <phone>!",
        "Call 030 12345678, 555-123-4567!": "Call <phone>, <phone>!",
        "IBAN DE89 3704 0044 0532 0130 00, GB29NWBK60161331926819": "IBAN <iban>, <iban>",
    }
    for text, shown in hidden.items():
        assert clean(text, "personal_data") == shown
    for text in (
        "In 1914-1918 and 2020-01-02",
        "1,234,567.89",
        "ISBN 978-3-16-148410-0",
        "a@b",
    ):
        assert clean(text, "personal_data") == text
    assert clean("DE00 3704 0044 0532 0130 00", "personal_data", kinds=["iban"]) == "DE00 3704 0044 0532 0130 00"
    assert (
        clean("from 192.168.0.1, x@y.org", "personal_data", kinds=["ip"], placeholder="[{kind}]")
        == "from [ip], x@y.org"
    )
    assert is_iban("DE89370400440532013000") and not is_iban("DE88370400440532013000")


def test_a_function_of_the_users_own():
    Path("own_clean.py").write_text(
        "from own_helper import SUFFIX\n"
        "def step(text, row, least=0):\n"
        "    if len(text) < least: return None\n"
        "    return text + SUFFIX if row['text'] != 'keep' else True\n"
        "def broken(text, row): return 1 / 0\n"
        "def odd(text, row): return 3\n"
    )
    Path("own_helper.py").write_text("SUFFIX = '!'\n")
    out, numbers = fetch(
        ["a", "keep", "long"], clean=[{"step": "python", "python": "own_clean:step", "arguments": {"least": 2}}]
    )
    assert list(iter_texts(out)) == ["keep", "long!"]
    assert numbers["cleaning"][0]["dropped"] == {"by own_clean:step": 1} and numbers["dropped"]["cleaned"] == 1
    with pytest.raises(UserError, match="broken.jsonl line 1: own_clean:broken raised ZeroDivisionError"):
        fetch(["a"], "broken", clean=[{"step": "python", "python": "own_clean:broken"}])
    with pytest.raises(UserError, match="own_clean:odd returned int; expected a text, True, False or None"):
        fetch(["a"], "odd", clean=[{"step": "python", "python": "own_clean:odd"}])

    def identity():
        config = CorpusConfig(files="run.jsonl", clean=[{"step": "python", "python": "own_clean:step"}])
        return fingerprint(config, FileDigests(), CodeDigests())["own_clean:step"]

    before = identity()
    Path("own_helper.py").write_text("SUFFIX = '?'\n")
    assert identity() != before


def test_what_a_step_did_is_counted_and_shown():
    rows = [f"text number {at} of many words" for at in range(30)] + ["short", "a b@c.org d", PROSE]
    config = {"clean": ["personal_data", {"step": "length", "min_words": 4}]}
    out, numbers = fetch(rows, **config)
    hidden, length = numbers["cleaning"]
    assert hidden["step"] == "personal_data" and (hidden["seen"], hidden["changed"], hidden["dropped"]) == (33, 1, {})
    assert hidden["examples"] == [{"after": "a <email> d"}] and "b@c.org" not in json.dumps(numbers)
    assert length["dropped"] == {"fewer than 4 words": 2} and length["seen"] == 33
    assert length["characters_removed"] == len("short") + len("a <email> d") and len(length["examples"]) == 2
    assert numbers["dropped"]["cleaned"] == 2 and numbers["documents"]["train"] == 31
    many = {"clean": [{"step": "length", "max_chars": 10}]}
    (one,) = fetch(rows[:30] + ["stays"], "one", **many)[1]["cleaning"]
    (two,) = fetch([*reversed(rows[:30]), "stays"], "two", **many)[1]["cleaning"]
    assert one == two and len(one["examples"]) == 10, "examples do not depend on the order"


def test_steps_of_a_source_come_before_those_of_the_corpus():
    Path("page.html.txt").write_text("<p>shared page</p>")
    Path("plain.txt").write_text("<p>shared page</p> and more")
    sources = [{"files": "page.html.txt", "clean": ["html"]}, {"files": "plain.txt"}]
    with pytest.raises(UserError, match="source plain has no documents: the source has 1 rows .1 cleaned."):
        fetch([], "none", sources=sources, clean=[{"step": "length", "max_chars": 20}])
    out, numbers = fetch([], sources=sources, clean=[{"step": "length", "max_chars": 40}])
    assert list(iter_texts(out)) == ["shared page", "<p>shared page</p> and more"]
    assert [(step.get("source"), step["step"], step["seen"]) for step in numbers["cleaning"]] == [
        ("page", "html", 1),
        (None, "length", 2),
    ]


def test_slips_name_the_step():
    for given, said in [
        (["htlm"], "unknown cleaning step 'htlm'; did you mean html?"),
        ([{"keep": ["de"]}], "step: missing; give one of"),
        ([{"step": "length"}], "needs a bound"),
        ([{"step": "length", "min_wrods": 3}], "min_wrods"),
        ([{"step": "boilerplate_lines", "patterns": ["("]}], "is no regular expression"),
    ]:
        with pytest.raises(ValidationError) as error:
            CorpusConfig(files="a.txt", clean=given)
        assert said in str(error.value)


def test_only_the_steps_that_are_used_count_as_code():
    found = components(CorpusConfig(files="a.txt", clean=["html", {"step": "length", "min_chars": 1}]))
    assert found == ("snakelm.fetch_corpus.cleaning.html", "snakelm.fetch_corpus.cleaning.length")
    digests = CodeDigests()
    assert not [name for name in digests.modules("fetch_corpus", ()) if "cleaning." in name]
    assert "snakelm.fetch_corpus.measures" in digests.modules("fetch_corpus", found)
    assert len(list(cleaning_steps)) >= 14


def test_slips_are_told_with_the_nearest_key():
    Path("r.yaml").write_text("corpora: {a: {files: x.txt, clean: [ftfy, {step: length, min_wrods: 3}]}}")
    with pytest.raises(UserError, match=r"corpora.a.clean\[1\].min_wrods: unknown key; did you mean min_words"):
        load(["r.yaml"])


def test_equal_texts_and_long_ones_as_examples():
    rows = ["same same same same"] * 30 + ["x" * 500 + " b@c.org " + "y" * 500]
    _, numbers = fetch(rows, clean=[{"step": "length", "max_chars": 1000}, "personal_data"])
    length, hidden = numbers["cleaning"]
    assert length["dropped"] == {"more than 1000 chars": 1} and length["examples"][0]["text"] == "x" * 160
    _, numbers = fetch([*rows, "short"], "again", clean=["personal_data", {"step": "length", "max_chars": 10}])
    assert numbers["cleaning"][0]["examples"] == [{"after": "x" * 39 + " <email> " + "y" * 112}]
    assert [example["text"] for example in numbers["cleaning"][1]["examples"]].count("same same same same") == 1
