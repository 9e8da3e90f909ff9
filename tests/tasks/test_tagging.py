"""Tags of spans in any order, read as seqeval and conlleval read them."""

from __future__ import annotations

import random

import pytest
from seqeval.metrics.sequence_labeling import get_entities

from snakelm.tasks import tagging


@pytest.mark.parametrize("prefixes", ["BI", "BIES"])
def test_repaired_tags_mark_the_spans_that_seqeval_finds(prefixes):
    draw = random.Random(1)
    scheme = "iob2" if prefixes == "BI" else "bioes"
    tags = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in ("X", "Y"))]
    for _ in range(2000):
        row = draw.choices(tags, k=draw.randint(1, 7))
        repaired = tagging.rewritten(row, scheme)
        expected = [(begin, end + 1, kind) for kind, begin, end in get_entities(row)]
        assert tagging.spans(row) == tagging.spans(repaired) == expected, row
        assert not list(tagging.violations(repaired, scheme))
        assert (repaired == row) == (not list(tagging.violations(row, scheme)))
