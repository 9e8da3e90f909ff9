"""Save a trained tokenizer in every form that is read elsewhere."""

from snakelm.runs.making import main
from snakelm.save_tokenizer.config import SaveConfig
from snakelm.save_tokenizer.save import save_tokenizer

if __name__ == "__main__":
    main("save_tokenizer", save_tokenizer, SaveConfig)
