"""The rules of quality of MassiveText (Rae et al. 2021, https://arxiv.org/abs/2112.11446, appendix A.1.1)."""

from __future__ import annotations

from pydantic import Field

from snakelm.fetch_corpus.measures import lines_of
from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps

STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]
BULLETS = ("•", "‣", "▪", "●", "○", "◦", "-", "*", "–")


@cleaning_steps.register("gopher_quality")
class GopherQuality(CleaningStep):
    """Removes documents that Gopher's rules of quality refuse: length, mean word, symbols, bullets, stop words."""

    min_words: int = Field(50, description="Fewest words.", ge=0)
    max_words: int = Field(100_000, description="Most words.", ge=1)
    min_mean_word: float = Field(3, description="Shortest mean word, in characters.", ge=0)
    max_mean_word: float = Field(10, description="Longest mean word, in characters.", ge=1)
    max_symbols: float = Field(0.1, description="Most hash signs, and most ellipses, for each word.", ge=0)
    max_bullets: float = Field(0.9, description="Largest share of lines that begin with a bullet.", ge=0, le=1)
    max_ellipses: float = Field(0.3, description="Largest share of lines that end with an ellipsis.", ge=0, le=1)
    min_alphabetic: float = Field(0.8, description="Smallest share of words with a letter in them.", ge=0, le=1)
    min_stop_words: int = Field(2, description="Fewest different stop words in it.", ge=0)
    stop_words: list[str] = Field(STOP_WORDS, description="Stop words, those of English by default.")

    def cleaner(self) -> Clean:
        stop_words = frozenset(self.stop_words)
        return lambda text, row: Dropped(reason) if (reason := self._refused(text, stop_words)) else text

    def _refused(self, text: str, stop_words: frozenset[str]) -> str | None:
        words, lines = text.split(), lines_of(text)
        if not words:
            return "too few words"
        count = len(words)
        mean = sum(map(len, words)) / count
        refusals = (
            (count < self.min_words, "too few words"),
            (count > self.max_words, "too many words"),
            (not self.min_mean_word <= mean <= self.max_mean_word, "mean word too short or long"),
            (text.count("#") / count > self.max_symbols, "too many hash signs"),
            ((text.count("...") + text.count("…")) / count > self.max_symbols, "too many ellipses"),
            (sum(line.startswith(BULLETS) for line in lines) > self.max_bullets * len(lines), "too many bullets"),
            (
                sum(line.endswith(("...", "…")) for line in lines) > self.max_ellipses * len(lines),
                "too many lines end with an ellipsis",
            ),
            (
                sum(any(map(str.isalpha, word)) for word in words) < self.min_alphabetic * count,
                "too few words with letters",
            ),
            (len(stop_words.intersection(map(str.lower, words))) < self.min_stop_words, "too few stop words"),
        )
        return next((reason for is_refused, reason in refusals if is_refused), None)
