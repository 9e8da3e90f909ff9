"""A filter or a map of the user's own."""

from __future__ import annotations

from typing import Any

from pydantic import Field, JsonValue

from snakelm.fetch_corpus.steps import Clean, CleaningStep, Dropped, cleaning_steps
from snakelm.readers.config import CallableConfig


@cleaning_steps.register("python")
class Python(CleaningStep, CallableConfig):
    """Calls a function of yours, function(text, row): a text takes the old one's place, False or None removes it."""

    python: str = Field(
        description="Python callable module:function; its code counts in the id. It is given the text and the row (a "
        "dict), and returns a text, True (keep it as it is), or False or None (remove the document).",
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$",
        examples=["json:loads"],
    )
    arguments: dict[str, JsonValue] = Field({}, description="Further keyword arguments for it.")

    def cleaner(self) -> Clean:
        from snakelm.core.errors import UserError
        from snakelm.readers.callables import load_callable

        function = load_callable(self.python)

        def clean(text: str, row: Any) -> str | Dropped:
            try:
                found = function(text, dict(row), **self.arguments)
            except UserError:
                raise
            except Exception as error:
                from snakelm.readers.callables import raised

                raise raised(f"{row.where}: {self.python}", error) from error
            if isinstance(found, str):
                return found
            if found is True:
                return text
            if found is None or found is False:
                return Dropped(f"by {self.python}")
            raise UserError(
                f"{row.where}: {self.python} returned {type(found).__name__}; expected a text, True, False or None"
            )

        return clean
