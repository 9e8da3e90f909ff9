from __future__ import annotations

from pathlib import Path

import pytest

from tests.pretrain import lab


@pytest.fixture(scope="session")
def parents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tokenizer of 400 tokens and about 1,800 encoded training tokens, shared by the tests."""
    root = tmp_path_factory.mktemp("lab")
    tokenizer = lab.make_tokenizer(root / "tokenizer")
    corpus = lab.make_corpus(root / "corpus", lab.sentences(60), lab.sentences(20, start=500))
    return {"tokenizer": tokenizer, "encoded": lab.encode(corpus, tokenizer, root / "encoded"), "corpus": corpus}
