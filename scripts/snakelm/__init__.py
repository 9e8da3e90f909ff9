"""The library behind the SnakeLM workflow: one package per stage, and what several stages share."""
