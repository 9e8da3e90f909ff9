"""Save a trained tokenizer in every form that is read elsewhere."""

from snakelm.runs.launch import main

if __name__ == "__main__":
    main("save_tokenizer")
