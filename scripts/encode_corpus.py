"""Turn a corpus into token ids."""

from snakelm.encode_corpus.config import EncodeConfig
from snakelm.encode_corpus.encode import encode_corpus
from snakelm.runs.making import main

if __name__ == "__main__":
    main("encode_corpus", encode_corpus, EncodeConfig)
