"""Special tokens around texts: the family's template, or the recipe's, as a post-processor."""

from __future__ import annotations

import re

from tokenizers import Tokenizer, processors

from snakelm.core.errors import UserError
from snakelm.train_tokenizer.config import TokenizerConfig


def add_template(tokenizer: Tokenizer, config: TokenizerConfig, where: str) -> None:
    """Set the post-processor from the templates in force; a custom post-processor stays as it is.

    A template of the family is left out where the declared special tokens lack one of its tokens (special tokens
    listed by hand); a template written by hand must be complete (UserError).
    """
    if config.post_processor is not None:
        return
    family = config.resolved_family()
    single, pair = config.template_single or family.single, config.template_pair or family.pair
    if single is None and pair is None:
        return
    single = single or "$A"
    check_template(config, where)
    names = _tokens(f"{single} {pair or ''}")
    missing = [name for name in names if tokenizer.token_to_id(name) is None]
    if missing or (not names and pair is None):
        return
    template = processors.TemplateProcessing(
        single=single,
        pair=pair,
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in names],
    )
    existing = tokenizer.post_processor
    tokenizer.post_processor = template if existing is None else processors.Sequence([existing, template])


def check_template(config: TokenizerConfig, where: str) -> None:
    """UserError if a template written by hand leaves out a text, or names a token that is not declared."""
    declared = config.declared_tokens()
    ids = [(name, number) for number, name in enumerate(declared)]
    for key, other in (("template_single", {}), ("template_pair", {"single": "$A"})):
        if (template := getattr(config, key)) is None:
            continue
        for name in _tokens(template):
            if name not in declared:
                raise UserError(f"{where}.{key}: {name!r} is not among special_tokens; add it there")
        try:
            processors.TemplateProcessing(**{key.removeprefix("template_"): template}, **other, special_tokens=ids)
        except ValueError as error:
            raise UserError(f"{where}.{key}: {template!r} is an invalid template: {error}") from None
        if "$" not in template:
            raise UserError(f"{where}.{key}: {template!r} leaves the text out; put $A where it goes")


def _tokens(template: str) -> list[str]:
    parts = (re.sub(r":\d+$", "", part) for part in template.split())
    return list(dict.fromkeys(part for part in parts if not part.startswith("$")))
