"""The page in a browser, where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks._synthetic_run import synthetic_events
from tests._export.browser import CHROMIUM, Page, open_browser
from tests._export.pages import data_of, hostile_events, page_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

_FOREIGN = "img, iframe, object, embed, link, b, form, base, video, audio"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("run"), page_of_run(tmp_path_factory, 40))


def page_of_run(factory: pytest.TempPathFactory, nodes: int) -> bytes:
    return page_of(factory.mktemp("trace"), *synthetic_events(nodes))


def _write(folder: Path, content: bytes) -> Path:
    path = folder / "run.html"
    path.write_bytes(content)
    return path


def _heading(page: Page) -> object:
    return page.run("document.querySelector('h2 a').textContent")


def test_it_asks_for_nothing_but_itself(page: Page, run: Path) -> None:
    page.open(run)
    page.run("document.querySelectorAll('details').forEach((one) => one.open = true)")
    assert page.requests == [run.as_uri()]
    assert page.errors == []
    assert page.run("performance.getEntriesByType('resource').length") == 0


def test_no_text_of_a_run_becomes_a_part_of_the_page(page: Page, tmp_path: Path) -> None:
    content = page_of(tmp_path, *hostile_events())
    path = _write(tmp_path, content)
    subs = [
        f"{node['node']}/c{sub['sub']}"
        for node in data_of(content)["nodes"]
        for step in node["steps"]
        for block in step.get("blocks", [])
        for sub in block.get("subs", [])
    ]
    for address in ["", "#costs", "#0", "#1", "#2", *(f"#{key}" for key in subs[:4])]:
        page.open(path, address)
        page.run("document.querySelectorAll('details').forEach((one) => one.open = true)")
        page.run("document.querySelectorAll('.twist').forEach((one) => one.click())")
        assert page.run("document.title") == "rlm run r1"
        assert page.run(f"document.querySelectorAll({_FOREIGN!r}).length") == 0
        assert page.run("document.scripts.length") == 2
        assert page.run("document.querySelector('#details').innerText.includes('taken.example')")
        assert page.requests == [path.as_uri()]
        assert page.errors == []


def test_hidden_letters_are_shown(page: Page, tmp_path: Path) -> None:
    page.open(_write(tmp_path, page_of(tmp_path, *hostile_events())))
    text = page.run("document.body.innerText")
    for letter in ("\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff", "\U000e0041"):
        assert letter not in text
    for shown in ("⟨ESC⟩[31m", "⟨U+0007⟩", "⟨U+009B⟩", "⟨U+202E⟩", "⟨U+DFFF⟩", "⟨U+E0041⟩"):
        assert shown in text


@pytest.mark.parametrize(
    "markup",
    [
        "<script>document.title='taken'</script>",
        "<img src='http://taken.example/x' onerror=\"document.title='taken'\">",
        "<style>@import 'http://taken.example/y'; body {background: url(http://taken.example/z)}",
        "<iframe src='http://taken.example/w'></iframe>",
    ],
)
def test_even_markup_that_got_in_would_do_nothing(page: Page, run: Path, markup: str) -> None:
    """The policy is a second wall behind the first."""
    content = run.read_bytes().replace(b"</noscript>", b"</noscript>" + markup.encode())
    path = run.with_name("taken.html")
    path.write_bytes(content)
    page.open(path)
    assert page.run("document.title").startswith("rlm run")
    assert page.requests == [path.as_uri()]


def test_the_browser_would_tell_of_a_request(page: Page, tmp_path: Path) -> None:
    path = _write(tmp_path, b"<img src='http://taken.example/x'>")
    page.open(path)
    assert "http://taken.example/x" in page.requests


def test_an_address_names_a_node_an_iteration_and_a_completion(page: Page, run: Path) -> None:
    page.open(run, "#7/2")
    assert _heading(page) == "Node 7"
    top = "document.querySelector('.step[data-iteration=\"2\"]').getBoundingClientRect().top"
    assert page.run(top) < page.run("innerHeight")
    assert page.run("document.querySelector('[aria-selected=true].row .number').textContent") == "7"
    completion = page.run("document.querySelector('.subs a[href*=\"/c\"]').getAttribute('href')")
    page.open(run, completion)
    assert _heading(page) == "Completion"
    for wrong in ("#999", "#%", "#7/99", "#x'\"<b>"):
        page.open(run, wrong)
        assert page.errors == []
        assert _heading(page) in ("Node 0", "Node 7")


def test_the_tree_is_walked_by_keys(page: Page, run: Path) -> None:
    page.open(run)
    focused = "document.activeElement.querySelector('.number').textContent"
    page.run("document.querySelector('.row[tabindex=\"0\"]').focus()")
    assert page.run(focused) == "0"
    page.press("ArrowDown")
    assert page.run(focused) == "1"
    page.press("Enter")
    assert (page.run("location.hash"), _heading(page)) == ("#1", "Node 1")
    rows = page.run("document.querySelectorAll('[role=treeitem]').length")
    page.press("ArrowLeft")
    page.press("ArrowRight")
    assert page.run("document.querySelectorAll('[role=treeitem]').length") == rows
    page.press("ArrowLeft")
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "false"
    page.press("ArrowLeft")
    assert page.run(focused) == "0"
    page.press("End")
    assert page.run("document.activeElement.nextElementSibling") is None


def test_many_like_completions_fold_into_one_row(page: Page, run: Path) -> None:
    folded = (
        "[...document.querySelectorAll('.number')]"
        ".find((one) => one.textContent === 'llm_query × 40')"
    )
    node = next(
        n["node"]
        for n in data_of(run.read_bytes())["nodes"]
        if any(len(b.get("subs", [])) == 40 for s in n["steps"] for b in s.get("blocks", []))
    )
    page.open(run, f"#{node}")
    page.run("document.querySelector('.row[aria-selected=true] .twist').click()")
    rows = page.run("document.querySelectorAll('.row').length")
    page.run(f"{folded}?.click()")
    assert page.run("document.querySelectorAll('.row').length") == rows + 40


def test_search_counts_goes_on_and_back(page: Page, run: Path) -> None:
    page.open(run)
    page.press("/")
    assert page.run("document.activeElement.type") == "search"
    page.send("Input.insertText", text="ASYNCIO.gather")
    page.press("Enter")
    told = "document.querySelector('.found').textContent"
    assert page.run(told) == "1 of 39 in 39 places"
    first = page.run("location.hash")
    page.run("document.activeElement.blur()")
    page.press("n")
    assert page.run(told) == "2 of 39 in 39 places"
    assert page.run("location.hash") != first
    page.press("N")
    page.press("N")
    assert page.run(told) == "39 of 39 in 39 places"
    marked = "[...CSS.highlights.get('current')][0].toString()"
    assert page.run(marked) == "asyncio.gather"


def test_search_unfolds_what_hides_a_match(page: Page, run: Path) -> None:
    page.open(run, "#0?q=Python%20REPL")
    assert page.run("[...CSS.highlights.get('current')][0].toString()") == "Python REPL"
    assert page.run("document.querySelector('details.fold[open] summary').textContent").startswith(
        "System prompt"
    )


def test_costs_add_up(page: Page, run: Path) -> None:
    page.open(run, "#costs")
    cells = "[...document.querySelectorAll('table:first-of-type tbody tr')]"
    calls = page.run(
        "[...document.querySelector('table').querySelectorAll('tbody tr')]"
        ".map((row) => Number(row.cells[1].textContent.replace(',', '')))"
    )
    assert sum(calls) == data_of(run.read_bytes())["run"]["ended"]["calls"]
    assert page.run(f"{cells}.length") >= 2
