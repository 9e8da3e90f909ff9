"""The page in Chromium: light, dark, on a phone, printed; and nothing said in the console."""

from __future__ import annotations

import subprocess

import pytest

from tests.report.browser import CHROMIUM, opened, printed
from tests.report.fake_runs import many, ugly, usual
from tests.report.test_report import make

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
WIDTHS = """
function probe() {
  const wide = [...document.querySelectorAll("main *")].filter(node => {
    if (node.closest(".wide, .tabulator, svg, .sample, .by-task") || !node.getClientRects().length) return false;
    return node.getBoundingClientRect().right > innerWidth + 1;
  });
  const risky = document.querySelectorAll("[onclick], [onerror], img").length;
  return {risky, wide: wide.map(node => node.outerHTML.slice(0, 90))};
}
"""


@pytest.fixture(scope="module", params=["usual", "ugly"])
def page(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    results = {"usual": usual, "ugly": ugly}[request.param](root / "results")
    make(results, root / "out", title="<b>Union</b>", command="snakelm run")
    return root / "out" / "circumstance" / "report.html"


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (500, False)])
def test_it_is_drawn_without_a_word_in_the_console(page, width, dark):
    found = opened(page, width, dark, patience=20000, script=WIDTHS)
    assert found.console == () and found.requests == 0
    assert found.charts > 3 and found.drawn >= found.charts
    assert found.width <= found.inner and found.extra == {"risky": 0, "wide": []}


def test_it_prints(page, tmp_path):
    printed(page, tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF") and (tmp_path / "page.pdf").stat().st_size > 20_000


def test_many_experiments_are_open_soon(tmp_path):
    make(many(tmp_path / "results", 300), tmp_path / "out")
    found = opened(tmp_path / "out" / "report.html", patience=0)
    assert found.load < 4000  # a second on an idle machine
    assert found.console == () and 5 < found.rows < 120  # those in view


def test_tables_sort_filter_and_tell_how_many(tmp_path):
    make(many(tmp_path / "results", 40), tmp_path / "out")
    script = """
    addEventListener("load", () => setTimeout(() => {
      const search = document.querySelector("#table-scoreboard input[type=search]");
      search.value = "model-3";
      search.dispatchEvent(new Event("input"));
    }, 300));
    function probe() { return document.querySelector("#table-scoreboard .tools span").textContent; }
    """
    assert opened(tmp_path / "out" / "report.html", script=script).extra == "10 of 80 rows"


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The script of axe-core, from its npm package."""
    folder = tmp_path_factory.mktemp("axe")
    command = ["npm", "pack", "axe-core@4.14.1", "--silent"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=90)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("axe-core cannot be had here")
    subprocess.run(["tar", "xf", *folder.glob("*.tgz")], cwd=folder, check=True)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (500, False)])
def test_axe_finds_no_serious_fault(page, axe, width, dark):
    script = (
        axe
        + """
    let found = "not looked at";
    addEventListener("load", () => setTimeout(() => {
      for (const node of document.querySelectorAll("details")) node.open = true;
      axe.run().then(result => {
        const faults = result.violations.filter(one => ["serious", "critical"].includes(one.impact));
        found = faults.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 120)}`);
      });
    }, 500));
    function probe() { return found; }
    """
    )
    assert opened(page, width, dark, patience=20000, script=script).extra == []
