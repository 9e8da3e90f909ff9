"""Turn a corpus into token ids."""

from snakelm.runs.launch import main

if __name__ == "__main__":
    main("encode_corpus")
