"""A page opened in headless Chromium: what its console says, what it has become, how long it took."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr")
PROBE = """<script>addEventListener("load", () => {
  const done = () => document.documentElement.setAttribute("data-probe", JSON.stringify({
    load: performance.getEntriesByType("navigation")[0].domComplete,
    width: document.documentElement.scrollWidth, inner: innerWidth,
    drawn: document.querySelectorAll("figure.chart svg").length,
    charts: document.querySelectorAll("figure.chart").length,
    rows: document.querySelectorAll(".tabulator-row").length, requests: performance.getEntriesByType("resource").length,
    extra: typeof probe === "function" ? probe() : null}));
  done(); setInterval(done, 50);
});</script>"""
"""Put at the end of a copy of the page, it leaves in the page what the browser made of it."""


@dataclass(frozen=True)
class Opened:
    """What became of a page."""

    load: float
    """Milliseconds until it was complete."""
    width: int
    inner: int
    """Widths of the page and of the window, in pixels."""
    drawn: int
    charts: int
    rows: int
    """Rows of sortable tables that are in the page at once."""
    requests: int
    extra: object
    console: tuple[str, ...]
    """What the console said."""


def opened(page: Path, width: int = 1200, dark: bool = False, patience: int = 4000, script: str = "") -> Opened:
    """Open a copy of a page and look after `patience` virtual milliseconds (0: at once, by the real clock).

    script: JavaScript that is put into the copy, such as a function `probe`.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "report.html"
        text = page.read_text(encoding="utf-8").replace("</body>", f"<script>{script}</script>{PROBE}</body>")
        copy.write_text(text, encoding="utf-8")
        options = [*OPTIONS, f"--user-data-dir={folder}/profile", f"--window-size={width},900"]
        options += [f"--virtual-time-budget={patience}"] if patience else []
        options += ["--blink-settings=preferredColorScheme=0"] if dark else []
        done = subprocess.run([CHROMIUM, *options, "--dump-dom", copy.as_uri()], capture_output=True, text=True)
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    console = tuple(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return Opened(**json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&")), console=console)


def printed(page: Path, file: Path) -> None:
    """The page as a PDF."""
    with tempfile.TemporaryDirectory() as folder:
        options = [*OPTIONS, f"--user-data-dir={folder}/profile", "--virtual-time-budget=4000"]
        command = [CHROMIUM, *options, f"--print-to-pdf={file}", page.as_uri()]
        subprocess.run(command, capture_output=True, check=True)


def screenshot(page: Path, file: Path, width: int = 1200, height: int = 4000, dark: bool = False) -> None:
    with tempfile.TemporaryDirectory() as folder:
        options = [*OPTIONS, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"]
        options += ["--virtual-time-budget=4000", *(["--blink-settings=preferredColorScheme=0"] if dark else [])]
        subprocess.run([CHROMIUM, *options, f"--screenshot={file}", page.as_uri()], capture_output=True, check=True)
