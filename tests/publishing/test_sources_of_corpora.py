"""What a card says of a corpus of several sources."""

from __future__ import annotations

from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.publishing import data


def test_every_source_has_its_license_source_and_language() -> None:
    wiki = {"hub": {"name": "owner/wiki"}, "license": "cc-by-4.0", "language": "en"}
    corpus = CorpusConfig.model_validate(
        {"sources": [wiki, {"files": "laws.txt", "source": "The gazette", "language": ["de", "en"]}]}
    )
    one, two = data.corpus_rows("c", corpus, None)
    assert (one.name, one.license, one.language) == ("c: wiki", "cc-by-4.0", "en")
    assert one.source == "Hugging Face data set owner/wiki (source not stated)"
    assert (two.name, two.source, two.license, two.language) == ("c: laws", "The gazette", "not stated", "de, en")
    assert data.languages([corpus]) == ["en", "de"]
    assert data.hub_names(data.sources_of([corpus])) == ["owner/wiki"]
    assert data.unlicensed({"c": corpus}) == ["c: laws"]
    for_all = corpus.model_copy(update={"license": "mit"})
    assert data.unlicensed({"c": for_all}) == []
    assert [row.license for row in data.corpus_rows("c", for_all, None)] == ["cc-by-4.0", "mit"]
    (alone,) = data.corpus_rows("c", CorpusConfig(files=["a.txt"], license="mit"), None)
    assert (alone.name, alone.license) == ("c", "mit")
