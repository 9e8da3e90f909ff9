"""Pack a trained tokenizer into a folder for AutoTokenizer, prove that it loads the same everywhere, measure it."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from snakelm import corpus
from snakelm.job import Job
from snakelm.save_tokenizer.config import SaveConfig

VERIFIED_TEXTS = 200


def save_tokenizer(job: Job[SaveConfig]) -> dict[str, Any]:
    """Write the folder, its zip and the figures; return the headline numbers."""
    from tokenizers import Tokenizer

    from snakelm.save_tokenizer.folder import write_folder, write_zip
    from snakelm.save_tokenizer.verify import verify

    trained = job.parents["trained"]
    training = json.loads((trained / "training.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(trained / "tokenizer.json"))
    names = write_folder(job.out, tokenizer, training["roles"], training["family"], job.config.model_max_length)
    write_zip(job.out / f"{job.name}.zip", job.out, names)
    texts = []
    if (folder := job.parents.get("corpus")) is not None:
        split = "validation" if corpus.has_split(folder, "validation") else "train"
        texts = [text[:2000] for text in islice(corpus.iter_texts(folder, split), VERIFIED_TEXTS)]
    verified = verify(job.out, texts)
    return {"vocab_size": tokenizer.get_vocab_size(), "strings_verified": verified}
