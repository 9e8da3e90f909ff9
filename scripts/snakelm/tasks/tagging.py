"""Tag schemes of spans: IOB1, IOB2 and BIOES, recognised, checked, and rewritten as valid IOB2 or BIOES."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from snakelm.core.errors import UserError

_PREFIXES = {"iob1": "IB", "iob2": "IB", "bioes": "BIES"}


def split_tag(tag: str) -> tuple[str, str]:
    """'B-PER' → ('B', 'PER'); 'O' → ('O', ''); what is no span tag → ('', tag)."""
    prefix, dash, kind = tag.partition("-")
    if tag == "O":
        return "O", ""
    return (prefix, kind) if dash and kind and prefix in set("BIESLU") else ("", tag)


def detect(tags: Sequence[Sequence[str]]) -> str:
    """The scheme that all rows follow: bioes, iob2, iob1, or none where tags do not mark spans.

    BIOES where E- or S- occur; else IOB1 or IOB2, whichever fewer tags speak against (only I- begins a span in IOB1,
    but right after one of its kind; only B- in IOB2). With only B- and O it is IOB2.
    """
    prefixes = {split_tag(tag)[0] for row in tags for tag in row}
    if "" in prefixes or not prefixes & set("BIES"):
        return "none"
    if prefixes & {"E", "S"}:
        return "bioes"
    starts = [list(_starts(row)) for row in tags]
    against_iob2 = sum(prefix == "I" for row in starts for prefix, _ in row)
    against_iob1 = sum(prefix == "B" and not touches for row in starts for prefix, touches in row)
    return "iob1" if against_iob2 and against_iob1 <= against_iob2 else "iob2"


def _starts(row: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """How each span of a row begins: (B or I, whether right after a span of its kind)."""
    before = "O"
    for tag in row:
        prefix, kind = split_tag(tag)
        if prefix == "B" or prefix == "I" and split_tag(before)[1] != kind:
            yield prefix, split_tag(before)[1] == kind
        before = tag


def check(row: Sequence[str], scheme: str, place: str) -> None:
    """Refuse a tag that the scheme does not have, naming the word by number."""
    for position, tag in enumerate(row):
        if split_tag(tag)[0] not in {"O", *_PREFIXES[scheme]}:
            raise UserError(
                f"{place}: tag {tag!r} of word {position + 1} is none of {scheme.upper()}; tag_scheme: none takes all"
                " tags as they are"
            )


def violations(row: Sequence[str], scheme: str) -> Iterator[str]:
    """What is invalid about the order of a row's tags, each naming the word by number."""
    before = "O"
    for position, tag in enumerate(row):
        prefix, kind = split_tag(tag)
        last, last_kind = split_tag(before)
        opened = last in ("B", "I") and last_kind == kind
        follows = f"tag {tag!r} of word {position + 1} follows {before!r}"
        if scheme == "iob2" and prefix == "I" and not opened:
            yield f"{follows}; in IOB2 a span begins with B-"
        if scheme == "iob1" and prefix == "B" and last_kind != kind:
            yield f"{follows}; in IOB1 a span begins with I- there"
        if scheme == "bioes":
            if prefix in ("I", "E") and not opened:
                yield f"{follows}; no such span is open"
            elif last in ("B", "I") and not (opened and prefix in ("I", "E")):
                yield f"the span of {before!r} is not closed before word {position + 1} ({tag!r})"
        before = tag
    if scheme == "bioes" and split_tag(before)[0] in ("B", "I"):
        yield f"the span of {before!r} at the end is not closed"


def spans(row: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first word, end, kind) of each span of any tags, as conlleval and seqeval read them: I- and E- begin a span
    where none of their kind is open, and a span lasts as long as I- and E- of its kind go on."""
    found: list[tuple[int, int, str]] = []
    is_open = ""
    for position, tag in enumerate(row):
        prefix, kind = split_tag(tag)
        if prefix in ("I", "E") and is_open == kind:
            found[-1] = (found[-1][0], position + 1, kind)
        elif prefix in ("B", "I", "E", "S"):
            found.append((position, position + 1, kind))
        is_open = kind if prefix in ("B", "I") else ""
    return found


def rewritten(row: Sequence[str], scheme: str) -> list[str]:
    """The tags of the same spans, valid: BIOES stays BIOES, IOB1 becomes IOB2."""
    out = ["O"] * len(row)
    for begin, end, kind in spans(row):
        out[begin:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - begin - 1)]
        if scheme == "bioes":
            out[end - 1] = f"E-{kind}" if end - begin > 1 else f"S-{kind}"
    return out


def complete(labels: Sequence[str], scheme: str) -> list[str]:
    """The labels with those that the scheme implies (B-X for each I-X), O first, so that rare tags have an id."""
    if scheme not in _PREFIXES:
        return sorted(set(labels))
    kinds = sorted({split_tag(label)[1] for label in labels} - {""})
    order = "BI" if scheme != "bioes" else "BIES"
    return ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in order)]


def is_implied(label: str, seen: set[str]) -> bool:
    """Whether a label is there only because its span's kind was seen (I-X where all X are one word long), or is O."""
    prefix, kind = split_tag(label)
    return label == "O" or bool(prefix) and any(split_tag(other)[1] == kind for other in seen if split_tag(other)[0])
