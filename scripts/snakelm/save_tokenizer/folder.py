"""The files of a tokenizer folder: what AutoTokenizer reads, the classic vocabulary files, and a zip of them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from snakelm.core import console
from snakelm.save_tokenizer.classic import classic_model
from snakelm.tokenization.families import ROLES

UNLIMITED = int(1e30)
"""What transformers writes where a tokenizer states no longest input."""


def write_folder(
    folder: Path,
    tokenizer: Tokenizer,
    roles: Mapping[str, str],
    max_length: int | None = None,
    inputs: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
) -> list[str]:
    """Write tokenizer.json, tokenizer_config.json, special_tokens_map.json and the classic files; return the names.

    `more` are further settings for tokenizer_config.json.

    The class is PreTrainedTokenizerFast, because the kinds' own classes of transformers 5 (RobertaTokenizer, …) rebuild
    normalizer and pre-tokenizer from their own defaults instead of reading tokenizer.json.
    """
    roles = {role: roles[role] for role in ROLES if role in roles}
    added = tokenizer.get_added_tokens_decoder()
    settings: dict[str, Any] = {
        "added_tokens_decoder": {
            str(number): {
                "content": token.content,
                "lstrip": token.lstrip,
                "normalized": token.normalized,
                "rstrip": token.rstrip,
                "single_word": token.single_word,
                "special": token.special,
            }
            for number, token in sorted(added.items())
        },
        **roles,
        **(more or {}),
        "clean_up_tokenization_spaces": False,
        "model_input_names": list(inputs) or _inputs(tokenizer),
        "model_max_length": max_length or UNLIMITED,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    extra = [
        token.content for _, token in sorted(added.items()) if token.special and token.content not in {*roles.values()}
    ]
    if extra:
        settings["extra_special_tokens"] = extra
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    _write_settings(folder / "tokenizer_config.json", settings)
    special = {**roles, **({"additional_special_tokens": extra} if extra else {})}
    _write_settings(folder / "special_tokens_map.json", special)
    return ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", *_write_classic(folder, tokenizer)]


def _write_classic(folder: Path, tokenizer: Tokenizer) -> list[str]:
    """vocab.json + merges.txt, vocab.txt, vocab.json or unigram.json; none where the format cannot hold the tokens.

    merges.txt separates tokens by spaces and vocab.txt by line ends, so tokens that contain those do not survive there.
    """
    written = [Path(name) for name in tokenizer.model.save(str(folder))]
    settings = json.loads(tokenizer.to_str())["model"]
    try:
        read_back = Tokenizer(classic_model(folder, settings)).get_vocab()
    except Exception as error:  # the bindings raise plain Exception
        read_back, reason = None, str(error).splitlines()[0]
    else:
        reason = "the vocabulary read back differs"
    if read_back != Tokenizer(tokenizer.model).get_vocab():
        for path in written:
            path.unlink()
        names = " and ".join(path.name for path in written)
        console.log.warning(f"{names} left out: their format cannot hold tokens with spaces or line ends ({reason})")
        return []
    return [path.name for path in written]


def write_zip(path: Path, folder: Path, names: list[str]) -> None:
    """A zip of the named files whose bytes depend on their content alone.

    The entries carry no times and are stored uncompressed: deflate's output differs between builds of zlib.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(names):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, (folder / name).read_bytes())


def _inputs(tokenizer: Tokenizer) -> list[str]:
    """token_type_ids only where the template gives the second of two texts another type id, as BERT's does.

    GPT-2 takes them too, and would add the embeddings of tokens 0 and 1 to each position.
    """
    numbered = tokenizer.post_processor is not None and any(tokenizer.encode("a", "b").type_ids)
    return ["input_ids", *(["token_type_ids"] if numbered else []), "attention_mask"]


def _write_settings(path: Path, value: dict[str, Any]) -> None:
    """Tokens in the order of their ids, roles in the order of ROLES: keys are not sorted."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
