"""Training that gives the same bytes in every process, without marks in the result.

The trainers of `tokenizers` keep words in hash maps that iterate in another order in every process
(huggingface/tokenizers issue 1794). That decides, run by run:

- the ids of the forms that characters take inside words (`c</w>` in original BPE, `##c` in WordPiece), which break
  ties between pairs of equal count, so other merges follow;
- which of equally rare characters `limit_alphabet` drops;
- the last digits of Unigram's scores, and with them the order of its pieces (see unigram.py).

Byte-level BPE and word-level are free of all three. Here the words are counted first (words.py), so that alphabet and
forms are known. They are handed to the trainer in sorted order as special tokens, which fixes their ids: special
tokens, characters, forms, merges, as the library orders them. After training they are ordinary entries again. The
trainer is then fed the words as often as they occur, with a mark between them and nothing left to normalize.

Cost: benchmarks/tokenizer.py measures the ratio to the library's plain call; most of what counting saves (half of the
CPU time on 120 MB of English) stays saved.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

from tokenizers import AddedToken, Tokenizer, pre_tokenizers, trainers

from snakelm.train_tokenizer.merging import shown
from snakelm.train_tokenizer.words import Batches, count_words, repeats_itself, splits_at_spaces

BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
"""What models with byte_fallback spell unknown characters with; ordinary entries behind the special tokens."""
CHARACTERS_A_TEXT, TEXTS_A_BATCH = 4000, 50
MANY_WORDS = 200_000
"""Different words from which on merging takes long enough to be worth watching."""


def train(tokenizer: Tokenizer, trainer: Any, batches: Batches, threads: int = 1) -> Tokenizer:
    """The tokenizer, trained; the same corpus and trainer give the same bytes in every process."""
    if isinstance(trainer, trainers.UnigramTrainer):
        from snakelm.train_tokenizer.unigram import train_unigram

        fallback = _byte_fallback(tokenizer)
        words = count_words(tokenizer, batches, threads)
        tokenizer.model = train_unigram(words, trainer, BYTE_TOKENS if fallback else (), fallback)
        tokenizer.add_special_tokens(trainer.special_tokens)
        return tokenizer
    if isinstance(trainer, trainers.WordLevelTrainer) or not (
        affixes(trainer) or trainer.limit_alphabet or _byte_fallback(tokenizer)
    ):
        pays, batches = repeats_itself(batches) if splits_at_spaces(tokenizer) else (False, batches)
        if not pays:
            with shown(trainer) as watched:
                tokenizer.train_from_iterator(batches(), watched)
            return tokenizer
        return _train_on(count_words(tokenizer, batches, threads), tokenizer, trainer)
    words = count_words(tokenizer, batches, threads)
    return _without_marks(_train_on(words, tokenizer, _with_forms(trainer, words, _byte_fallback(tokenizer))), trainer)


def affixes(trainer: Any) -> tuple[str, str] | tuple[()]:
    """The marks of tokens that continue a word (prefix) and that end one (suffix), or () if there are none."""
    found = (trainer.continuing_subword_prefix or "", trainer.end_of_word_suffix or "")
    return found if any(found) else ()


def _with_forms(trainer: Any, words: dict[str, int], byte_fallback: bool) -> Any:
    """The trainer with alphabet and forms as special tokens in fixed order, and no choice of characters left to it."""
    alphabet = _alphabet(words, trainer)
    forms = _forms(words, alphabet, *(affixes(trainer) or ("", "")))
    declared = list(trainer.special_tokens)
    names = {token.content for token in declared}
    fixed = [*(BYTE_TOKENS if byte_fallback else []), *sorted(alphabet), *sorted(forms - alphabet)]
    worker = copy.deepcopy(trainer)
    worker.special_tokens = declared + [AddedToken(form, special=True) for form in fixed if form not in names]
    if trainer.limit_alphabet is not None:
        # characters of the initial alphabet are never dropped, so exactly these are kept
        worker.initial_alphabet, worker.limit_alphabet = sorted(alphabet), max(len(alphabet), 1)
    return worker


def _train_on(words: dict[str, int], tokenizer: Tokenizer, trainer: Any) -> Tokenizer:
    """Train on counted words: they are fed with a mark between them, which is all that they are split at."""
    known = set().union(*words)
    mark = next(char for char in map(chr, range(0xE000, 0x110000)) if char not in known)
    worker = Tokenizer(tokenizer.model)
    worker.pre_tokenizer = pre_tokenizers.CharDelimiterSplit(mark)
    if not isinstance(trainer, trainers.WordLevelTrainer):  # there is nothing to merge in a single character
        words = {word: count if len(word) > 1 else 1 for word, count in words.items()}
    with shown(trainer) if len(words) >= MANY_WORDS else nullcontext(trainer) as watched:
        worker.train_from_iterator(_repeated(words, mark), watched)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        if (value := getattr(tokenizer, part)) is not None:
            setattr(worker, part, value)
    return worker


def _repeated(words: dict[str, int], mark: str) -> Iterator[list[str]]:
    """Each word as often as it occurs, in texts of moderate length."""
    batch: list[str] = []
    text, size = [], 0
    for word, count in words.items():
        while count:
            times = min(count, max(1, (CHARACTERS_A_TEXT - size) // (len(word) + 1)))
            text.append((word + mark) * times)
            size += (len(word) + 1) * times
            count -= times
            if size >= CHARACTERS_A_TEXT - 20:
                batch.append("".join(text))
                text, size = [], 0
        if len(batch) >= TEXTS_A_BATCH:
            yield batch
            batch = []
    yield [*batch, "".join(text)]


def _without_marks(tokenizer: Tokenizer, trainer: Any) -> Tokenizer:
    """Only the declared special tokens stay marked; alphabet and forms become ordinary entries."""
    parts = json.loads(tokenizer.to_str())
    names = {token.content for token in trainer.special_tokens}
    parts["added_tokens"] = [token for token in parts["added_tokens"] if token["content"] in names]
    return Tokenizer.from_str(json.dumps(parts, ensure_ascii=False))


def _byte_fallback(tokenizer: Tokenizer) -> bool:
    return bool(json.loads(tokenizer.model.__getstate__()).get("byte_fallback"))


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


def _forms(words: Iterable[str], alphabet: set[str], prefix: str, suffix: str) -> set[str]:
    """The forms that the alphabet takes in the words: prefixed anywhere but first, suffixed at the end."""
    if not (prefix or suffix):
        return set()
    middle: set[str] = set()
    last: set[str] = set()
    alone: set[str] = set()
    for word in words:
        if len(word) == 1:
            alone.add(word)
        else:
            middle.update(word[1:-1])
            last.add(word[-1])
    forms = {prefix + char for char in middle & alphabet}
    forms |= {prefix + char + suffix for char in last & alphabet}
    forms |= {char + suffix for char in alone & alphabet}
    return forms - alphabet
