"""The same learned vocabulary behind other special tokens, without training again.

BPE, WordPiece and word-level training add entries one by one until the vocabulary is full, and look at special tokens
only to count them: behind more special tokens the same text gives a beginning of the same list. So the bytes are those
that training would give.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer


def behind(special: Sequence[AddedToken], learned: Tokenizer, untrained: Tokenizer, size: int) -> Tokenizer:
    """`untrained` with a vocabulary of `size`: the special tokens, then what `learned` has behind its own (no more than
    they are).

    The alphabet is never cut, as in training, so the vocabulary may become larger than `size`.
    """
    source, parts = json.loads(learned.to_str()), json.loads(untrained.to_str())
    model, own = source["model"], {token["content"] for token in source["added_tokens"]}
    entries = [entry for entry in sorted(model["vocab"], key=model["vocab"].__getitem__) if entry not in own]
    vocabulary = {token.content: number for number, token in enumerate(special)}
    merges: list[list[str]] = []
    if model["type"] == "BPE":
        made = {"".join(pair) for pair in model["merges"]}
        for entry in entries:
            if entry not in made:
                vocabulary.setdefault(entry, len(vocabulary))
        for pair in model["merges"]:  # two pairs may make the same entry, so merges cannot be cut by their number
            if len(vocabulary) >= size:
                break
            merges.append(pair)
            vocabulary.setdefault("".join(pair), len(vocabulary))
        model["merges"] = merges
    else:
        prefix = model.get("continuing_subword_prefix")
        for entry in entries:
            if len(vocabulary) < size or (prefix and len(entry.removeprefix(prefix)) == 1):
                vocabulary.setdefault(entry, len(vocabulary))
    parts["model"] = {**model, "vocab": vocabulary, "unk_token": parts["model"]["unk_token"]}
    found = Tokenizer.from_str(json.dumps(parts, ensure_ascii=False))
    found.add_special_tokens(list(special))
    return found
