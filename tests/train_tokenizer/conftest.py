"""A small corpus on disk, a lab to work in, Romeo and Juliet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.train_tokenizer.lab import Lab, prose, write_corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 training and 60 validation documents of two lines, with some accents, emoji and CRLF."""
    train = ["".join(pair) for pair in zip(prose(600, 1), prose(600, 2), strict=True)]
    train += ["Café naïve ñandú 👍🏽 שלום\r\n", "中文 日本語 한국어\n", "e\u0301te\u0301 ﬁne\n"] * 3
    return write_corpus(tmp_path_factory.mktemp("corpus"), train, ["".join(prose(2, seed)) for seed in range(60)])


@pytest.fixture
def lab(tmp_path: Path, corpus: Path) -> Lab:
    return Lab(tmp_path, corpus)


@pytest.fixture(scope="session")
def rij() -> str:
    """Romeo and Juliet with its CRLF; skipped where the file is not at hand."""
    place = os.environ.get("SNAKELM_RIJ") or Path(__file__).parents[3] / "shared/data/rij.txt"
    path = next((p for p in (Path(place), Path(__file__).parents[2] / "data/rij.txt") if p.exists()), None)
    if path is None:
        pytest.skip("rij.txt is not at hand: put it into data/, or name it in SNAKELM_RIJ")
    return path.read_bytes().decode()
