"""Write config/README.md and workflow/schemas/ from the config models (`make docs`)."""

from pathlib import Path

from snakelm.recipe.docs import write

if __name__ == "__main__":
    write(Path(__file__).resolve().parent.parent)
