"""One vocabulary learned from a text, for tokenizers that differ in their special tokens alone.

BPE, WordPiece and word-level training add entries one by one until the vocabulary is full, and look at special tokens
only to count them: behind more special tokens the same text gives a beginning of the same list. So the vocabulary is
learned without special tokens and kept in the stage's cache, and each tokenizer puts its own in front. The bytes are
those that training with them gives, and a family, a role or a template that changes trains no merges again.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Tokenizer

from snakelm.artifacts import cache
from snakelm.core import console
from snakelm.runs.digests import digest
from snakelm.train_tokenizer.config import SPECIAL_KEYS, TokenizerConfig

Train = Callable[[Tokenizer, Any], Tokenizer]


def train_shared(
    tokenizer: Tokenizer, trainer: Any, config: TokenizerConfig, train: Train, folder: Path, corpus: str
) -> Tokenizer:
    """What `train(tokenizer, trainer)` gives, from the vocabulary kept in `folder` if it is there, else from the text.

    `corpus` names the text: the folder of its run, which never changes.
    """

    def learn() -> Tokenizer:
        bare = copy.deepcopy(trainer)
        bare.special_tokens = []
        return train(Tokenizer.from_str(tokenizer.to_str()), bare)

    def load(body: bytes) -> Tokenizer:
        found = Tokenizer.from_str(body.decode())
        console.log.info("the vocabulary was learned from this text before; special tokens are put in front")
        return found

    settings = {key: value for key, value in config.identity().items() if key not in SPECIAL_KEYS}
    key = digest([settings, corpus, tokenizers.__version__])
    learned = cache.shared(folder / f"{key}.json", learn, lambda made: made.to_str().encode(), load)
    found = _behind(trainer.special_tokens, learned, tokenizer, config.vocab_size)
    return train(tokenizer, trainer) if found is None else found


def _behind(special: Sequence[AddedToken], learned: Tokenizer, untrained: Tokenizer, size: int) -> Tokenizer | None:
    """`untrained` with a vocabulary of `size`: the special tokens, then what was learned; None where a special token is
    also learned from the text, as it then takes part in the merges.

    The alphabet is never cut, as in training, so the vocabulary may become larger than `size`.
    """
    model, parts = json.loads(learned.to_str())["model"], json.loads(untrained.to_str())
    entries = sorted(model["vocab"], key=model["vocab"].__getitem__)
    vocabulary = {token.content: number for number, token in enumerate(special)}
    if vocabulary.keys() & set(entries):
        return None
    if model["type"] == "BPE":
        merges, model["merges"] = model["merges"], []
        made = {"".join(pair) for pair in merges}
        for entry in entries:
            if entry not in made:
                vocabulary[entry] = len(vocabulary)
        for pair in merges:  # two pairs may make the same entry, so merges cannot be cut by their number
            if len(vocabulary) >= size:
                break
            model["merges"].append(pair)
            vocabulary.setdefault("".join(pair), len(vocabulary))
    else:
        prefix = model.get("continuing_subword_prefix")
        for entry in entries:
            if len(vocabulary) < size or (prefix and len(entry.removeprefix(prefix)) == 1):
                vocabulary[entry] = len(vocabulary)
    parts["model"] = {**model, "vocab": vocabulary, "unk_token": parts["model"]["unk_token"]}
    found = Tokenizer.from_str(json.dumps(parts, ensure_ascii=False))
    found.add_special_tokens(list(special))
    return found
