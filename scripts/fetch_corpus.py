"""Fetch a corpus and split it."""

from snakelm.fetch_corpus.config import CorpusConfig
from snakelm.fetch_corpus.fetch import fetch_corpus
from snakelm.runs.making import main

if __name__ == "__main__":
    main("fetch_corpus", fetch_corpus, CorpusConfig)
