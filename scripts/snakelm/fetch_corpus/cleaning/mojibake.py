"""Text that was decoded in the wrong encoding ("cafÃ©") is put right, by the library ftfy."""

from __future__ import annotations

from pydantic import Field

from snakelm.fetch_corpus.steps import Clean, CleaningStep, cleaning_steps


@cleaning_steps.register("ftfy")
class Mojibake(CleaningStep):
    """Repairs text that was decoded in the wrong encoding, as ftfy does."""

    all_fixes: bool = Field(
        False, description="Everything that ftfy does: straight quotes, no ligatures, NFC, no control characters, …"
    )

    def cleaner(self) -> Clean:
        import ftfy

        config = ftfy.TextFixerConfig(explain=False)
        if not self.all_fixes:
            config = config._replace(
                unescape_html=False,
                remove_terminal_escapes=False,
                fix_latin_ligatures=False,
                fix_character_width=False,
                uncurl_quotes=False,
                fix_line_breaks=False,
                remove_control_chars=False,
                normalization=None,
            )
        return lambda text, row: text if text.isascii() and not self.all_fixes else ftfy.fix_text(text, config)
