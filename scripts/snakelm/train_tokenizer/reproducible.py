"""Training that gives the same bytes in every process, without marks in the result.

The trainers of `tokenizers` keep words in hash maps that iterate in another order in every process
(huggingface/tokenizers issue 1794). That decides, run by run:

- the ids of the forms that characters take inside words (`c</w>` in original BPE, `##c` in WordPiece), which break
  ties between pairs of equal count, so other merges follow;
- which of equally rare characters `limit_alphabet` drops;
- the last digits of Unigram's scores, and with them the order of its pieces (see unigram.py).

Byte-level BPE and word-level are free of all three. Here forms and alphabet are handed to the trainer in sorted order
as special tokens, which fixes their ids: special tokens, characters, forms, merges, as the library orders them. After
training they are ordinary entries again. Which forms occur is known only after normalization, so the characters of
the raw text, each normalized alone, are the first guess; the words that the trainer counted (its pickled state holds
them) say what really occurs. Forms that do not occur are taken out again, and the room that they took is filled by
training that much further. Where the guess lacks something (composed characters, say), training is repeated with the
exact forms.

Cost: one scan of the text for its characters and one look at the counted words on top of the library's training;
benchmarks/tokenizer.py measures the ratio.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy
from tokenizers import AddedToken, Tokenizer, models, trainers

BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
"""What models with byte_fallback spell unknown characters with; ordinary entries behind the special tokens."""

Batches = Callable[[], Iterable[list[str]]]
"""Begins a new pass over the text, in batches of lines."""


def train(tokenizer: Tokenizer, trainer: Any, batches: Batches) -> Tokenizer:
    """A trained copy of `tokenizer`; the same corpus and trainer give the same bytes in every process."""
    if isinstance(trainer, trainers.UnigramTrainer):
        from snakelm.train_tokenizer.unigram import train_unigram

        fallback = _byte_fallback(tokenizer)
        words = count_words(tokenizer, batches)
        tokenizer.model = train_unigram(words, trainer, BYTE_TOKENS if fallback else (), fallback)
        tokenizer.add_special_tokens(trainer.special_tokens)
        return tokenizer
    if isinstance(trainer, trainers.WordLevelTrainer) or not (
        affixes(trainer) or trainer.limit_alphabet or _byte_fallback(tokenizer)
    ):
        tokenizer.train_from_iterator(batches(), trainer)
        return tokenizer
    return _train_with_forms(tokenizer, trainer, batches)


def affixes(trainer: Any) -> tuple[str, str]:
    """The marks of tokens that continue a word (prefix) and that end one (suffix), or () if there are none."""
    found = (trainer.continuing_subword_prefix or "", trainer.end_of_word_suffix or "")
    return found if any(found) else ()


def count_words(tokenizer: Tokenizer, batches: Batches) -> dict[str, int]:
    """Normalize and pre-tokenize the text, and count the pieces, in the library's threads."""
    counter = Tokenizer(models.WordLevel(unk_token=""))
    counter.normalizer, counter.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    trainer = trainers.WordLevelTrainer(vocab_size=0, show_progress=False)
    counter.train_from_iterator(batches(), trainer)
    return _counted(trainer)


def _train_with_forms(tokenizer: Tokenizer, trainer: Any, batches: Batches) -> Tokenizer:
    marks = affixes(trainer) or ("", "")
    guess = _normalized_characters(tokenizer, batches) | set(trainer.initial_alphabet)
    if trainer.limit_alphabet is None or len(guess) <= trainer.limit_alphabet:
        everywhere = {form for char in guess for form in _all_forms(char, *marks)}
        trained, words = _train_in_order(tokenizer, trainer, batches, guess, everywhere)
        alphabet = _alphabet(words, trainer)
        forms = _forms(words, alphabet, *marks)
        if alphabet <= guess and forms <= everywhere:
            return _cut(trained, trainer, (guess - alphabet) | (everywhere - forms))
    else:
        words = count_words(tokenizer, batches)
        alphabet = _alphabet(words, trainer)
        forms = _forms(words, alphabet, *marks)
    return _cut(_train_in_order(tokenizer, trainer, batches, alphabet, forms)[0], trainer, set())


def _train_in_order(
    tokenizer: Tokenizer, trainer: Any, batches: Batches, alphabet: set[str], forms: set[str]
) -> tuple[Tokenizer, dict[str, int]]:
    """Train with alphabet and forms as special tokens in fixed order; return it with the words that were counted."""
    declared = list(trainer.special_tokens)
    names = {token.content for token in declared}
    entries = BYTE_TOKENS if _byte_fallback(tokenizer) else []
    fixed = [form for form in [*entries, *sorted(alphabet), *sorted(forms - alphabet)] if form not in names]
    worker = copy.deepcopy(trainer)
    worker.special_tokens = declared + [AddedToken(form, special=True) for form in fixed]
    worker.vocab_size = trainer.vocab_size + len(fixed)  # room for forms that turn out not to occur
    if trainer.limit_alphabet is not None:
        # characters of the initial alphabet are never dropped, so exactly these are kept
        worker.initial_alphabet, worker.limit_alphabet = sorted(alphabet), max(len(alphabet), 1)
    fresh = Tokenizer.from_str(tokenizer.to_str())
    fresh.train_from_iterator(batches(), worker)
    return fresh, _counted(worker)


def _cut(tokenizer: Tokenizer, trainer: Any, unused: set[str]) -> Tokenizer:
    """Only the declared special tokens stay marked; unused forms go, and what exceeds the vocabulary's size.

    As in the trainer's own loop, merging ends where the vocabulary is full, so this is what training to that size
    gives. Special tokens, alphabet and forms are kept even if they alone exceed the size.
    """
    parts = json.loads(tokenizer.to_str())
    model = parts["model"]
    names = {token.content for token in trainer.special_tokens}
    fixed = {token["content"] for token in parts["added_tokens"]}
    prefix = model.get("continuing_subword_prefix") or ""
    kept = [token for token in sorted(model["vocab"], key=model["vocab"].get) if token not in unused - names]
    learned = [token for token in kept if token not in fixed]
    room = max(trainer.vocab_size - (len(kept) - len(learned)), 0)
    stays = fixed | set(learned[:room])
    model["vocab"] = {token: number for number, token in enumerate(token for token in kept if token in stays)}
    if "merges" in model:
        model["merges"] = _merges_until_full(model["merges"], set(learned[:room]), len(learned) > room, prefix)
    parts["added_tokens"] = [
        {**token, "id": model["vocab"][token["content"]]}
        for token in parts["added_tokens"]
        if token["content"] in names
    ]
    return Tokenizer.from_str(json.dumps(parts, ensure_ascii=False))


def _merges_until_full(merges: list[list[str]], learned: set[str], is_cut: bool, prefix: str) -> list[list[str]]:
    """The merges up to the one that makes the last learned token (all of them where nothing is cut)."""
    if not is_cut:
        return merges
    kept, missing = [], set(learned)
    for left, right in merges:
        if not missing:
            break
        kept.append([left, right])
        missing.discard(left + right.removeprefix(prefix))
    return kept


def _byte_fallback(tokenizer: Tokenizer) -> bool:
    return bool(json.loads(tokenizer.model.__getstate__()).get("byte_fallback"))


def _normalized_characters(tokenizer: Tokenizer, batches: Batches) -> set[str]:
    """Every character of the text, each normalized by itself."""
    seen = numpy.zeros(0x110000, dtype=bool)
    for batch in batches():
        seen[numpy.frombuffer("".join(batch).encode("utf-32-le", "surrogatepass"), dtype=numpy.uint32)] = True
    found = {chr(number) for number in numpy.flatnonzero(seen)}
    if tokenizer.normalizer is not None:
        found = {char for one in found for char in tokenizer.normalizer.normalize_str(one)}
    return found | set(getattr(tokenizer.pre_tokenizer, "replacement", ""))


def _alphabet(words: dict[str, int], trainer: Any) -> set[str]:
    """The characters that training keeps: the initial alphabet, then the most frequent, ties by code point."""
    initial, found = set(trainer.initial_alphabet), set().union(*words)
    if trainer.limit_alphabet is None or len(initial | found) <= trainer.limit_alphabet:
        return initial | found
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            counts[char] += count
    others = sorted(set(counts) - initial, key=lambda char: (-counts[char], char))
    return initial | set(others[: max(trainer.limit_alphabet - len(initial), 0)])


def _all_forms(char: str, prefix: str, suffix: str) -> set[str]:
    return {char, prefix + char, char + suffix, prefix + char + suffix} - {char}


def _forms(words: Iterable[str], alphabet: set[str], prefix: str, suffix: str) -> set[str]:
    """The forms that the alphabet takes in the words: prefixed anywhere but first, suffixed at the end."""
    if not (prefix or suffix):
        return set()
    first, middle, last, alone = set(), set(), set(), set()
    for word in words:
        if len(word) == 1:
            alone.add(word)
        else:
            first.add(word[0])
            middle.update(word[1:-1])
            last.add(word[-1])
    forms = {prefix + char for char in middle & alphabet}
    forms |= {prefix + char + suffix for char in last & alphabet}
    forms |= {char + suffix for char in alone & alphabet}
    return forms - alphabet


def _counted(trainer: Any) -> dict[str, int]:
    """The words that a trainer counted, from its pickled state, sorted."""
    state = next(iter(json.loads(trainer.__getstate__()).values()))
    words = state.get("words", state.get("bpe_trainer", {}).get("words", {}))
    return dict(sorted(words.items()))
