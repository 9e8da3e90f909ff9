"""Fetch a corpus and split it."""

from snakelm.runs.launch import main

if __name__ == "__main__":
    main("fetch_corpus")
