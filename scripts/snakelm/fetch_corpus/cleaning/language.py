"""Documents in other languages, as the library py3langid tells them; its model is in its package."""

from __future__ import annotations

from pydantic import Field

from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps


@cleaning_steps.register("language")
class Language(CleaningStep):
    """Keeps documents in the languages named, as the library py3langid tells them."""

    keep: list[str] = Field(
        description="Languages to keep, by their codes, as in [de, en].", min_length=1, examples=[["de"]]
    )
    min_confidence: float = Field(
        0.0, description="Documents of which the library is less sure are removed (0 to 1).", ge=0, le=1
    )
    candidates: list[str] = Field(
        [], description="Languages to choose between, those of `keep` among them; by default all that it knows."
    )
    chars: int = Field(2000, description="How much of a document is looked at, from its beginning.", ge=20)

    def cleaner(self) -> Clean:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        from snakelm.core.errors import UserError, did_you_mean

        identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        for language in (*self.keep, *self.candidates):
            if language not in identifier.labels:
                raise UserError(
                    f"step language: unknown language {language!r}{did_you_mean(language, identifier.labels)}"
                )
        if self.candidates:
            identifier.set_languages([*self.candidates, *self.keep])
        kept = frozenset(self.keep)

        def clean(text: str, row: object) -> str | Dropped:
            language, confidence = identifier.classify(text[: self.chars])
            if language not in kept:
                return Dropped(f"language {language}")
            return text if confidence >= self.min_confidence else Dropped("language uncertain")

        return clean
