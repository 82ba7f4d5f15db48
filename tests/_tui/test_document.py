from __future__ import annotations

import pytest
from rich.cells import cell_len

from rlm_runtime._tui.details import text_lines
from rlm_runtime._tui.details.document import (
    Block,
    Code,
    Column,
    Document,
    Heading,
    Pairs,
    Pieces,
    Rule,
    Table,
    Words,
)
from rlm_runtime._tui.details.layout import Layout
from rlm_runtime._tui.details.lines import TableLines
from rlm_runtime._tui.details.wrapping import wrap
from tests.hostile_text import ALL, HOSTILE, OBEYED


def lines_of(*blocks: Block, width: int = 40, wrapped: bool = True) -> list[str]:
    layout = Layout(Document(blocks), width, wrapped=wrapped)
    lines, y = [], 0
    while (line := layout.line(y)) is not None:
        lines.append(line.text.rstrip())
        y += 1
    assert layout.height == y
    return lines


@pytest.mark.parametrize(
    ("line", "width", "rows"),
    [
        ("", 8, [""]),
        ("hello brave new world", 10, ["hello", "brave new", "world"]),
        ("a" * 25, 10, ["a" * 10, "a" * 10, "a" * 5]),
        ("ab cdefghijklmnop", 10, ["ab cdefghi", "jklmnop"]),
        ("日本語日本語", 7, ["日本語", "日本語"]),
        ("日本語 日本語", 7, ["日本語", "日本語"]),
        ("日本 語日本語", 6, ["日本", "語日本", "語"]),
        ("日", 1, ["日"]),
        ("e\u0301" * 4, 3, ["e\u0301" * 3, "e\u0301"]),
    ],
)
def test_a_line_is_cut_into_rows_of_a_width(line: str, width: int, rows: list[str]) -> None:
    assert [line[start:end] for start, end in wrap(line, width)] == rows


@pytest.mark.parametrize("line", ["word " * 300, "日本語 x" * 300, "👩\u200d👧 y " * 200, ALL * 9])
def test_rows_lose_nothing_but_spaces_and_fit(line: str) -> None:
    rows = [line[start:end] for start, end in wrap(line, 21)]
    assert "".join(rows).replace(" ", "") == line.replace(" ", "")
    assert all(cell_len(row) <= 22 for row in rows)


def test_each_kind_of_block_has_its_lines() -> None:
    columns = (Column("#", 3, right=True), Column("prompt"), Column("cost", 6, right=True))
    assert lines_of(
        Heading("Code", "iteration 2"),
        Words("one two three four five six seven eight nine", indent=2),
        Rule(),
        Pairs((("state", ("answered", "good")), ("model", "m" * 40))),
        Rule(is_empty=True),
        Table(columns, [("1", "where is the flood", "0.1"), ("22", "x" * 50, ("?", "dim"))]),
        Pieces((("██", "accent"), (" printed", "dim"))),
        width=30,
    ) == [
        "Code  iteration 2",
        "  one two three four five six",
        "  seven eight nine",
        "─" * 30,
        "state  answered",
        "model  " + "m" * 23,
        "       " + "m" * 17,
        "",
        "  # prompt                cost",
        "  1 where is the flood     0.1",
        " 22 " + "x" * 18 + "…      ?",
        "██ printed",
    ]


def test_code_has_numbers_and_signs_beside_it() -> None:
    code = "\n".join(f"x{number} = 1" for number in range(10)) + "\n"
    lines = lines_of(Code(code, "python", marked=(3,)))
    assert lines[:3] == [" 1 x0 = 1", " 2 x1 = 1", " 3✗x2 = 1"]
    assert lines[9] == "10 x9 = 1"
    assert len(lines) == 10


def test_code_is_highlighted() -> None:
    layout = Layout(Document((Code("def f():\n    return 'a' # why\n"),)), 40)
    line = layout.line(1)
    assert line is not None
    found = {(line.text[start:end], style) for start, end, style in line.spans}
    assert {("return", "keyword"), ("'a'", "string"), ("# why", "comment")} <= found


@pytest.mark.parametrize("text", [ALL, *HOSTILE.values()])
def test_nothing_that_a_terminal_obeys_is_in_a_line(text: str) -> None:
    blocks: tuple[Block, ...] = (
        Heading(text, text),
        Words(f"{text}\r\n{text}"),
        Code(text),
        Pairs(((text, text),)),
        Table((Column(text),), [(text,)]),
        Pieces(((text, "text"),)),
    )
    for wrapped in (True, False):
        shown = "".join(lines_of(*blocks, wrapped=wrapped))
        assert not OBEYED.search(shown)
        assert "\t" not in shown


def test_ends_of_lines_and_tabs() -> None:
    assert lines_of(Words("a\r\n\tb\n\n日\tc\n")) == ["a", "    b", "", "日   c"]


def test_a_very_long_line_is_cut() -> None:
    lines = lines_of(Words("x" * 10_000_000 + "\nend"), width=100)
    assert lines[-2:] == ["… 9,990,000 characters more, o opens it in $EDITOR", "end"]
    assert len(lines) == 102


def test_a_text_beyond_all_bounds_is_cut() -> None:
    text = "line\n" * (text_lines.MOST // 5 + 100)
    layout = Layout(Document((Words(text),)), 80)
    last = layout.line(layout.height - 1)
    assert last is not None and "characters more" in last.text


def test_of_a_million_lines_only_what_is_seen_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def count(line: str, width: int) -> list[tuple[int, int]]:
        made.append(line)
        return wrap(line, width)

    monkeypatch.setattr(text_lines, "wrap", count)
    layout = Layout(Document((Words("line\n" * 1_000_000),)), 80)
    assert layout.height == 1_000_000
    for y in (0, 500_000, 999_999):
        line = layout.line(y)
        assert line is not None and line.text == "line"
    assert len(made) < 20_000


def test_what_comes_below_a_text_is_reached_though_its_height_is_an_estimate() -> None:
    text = "".join(f"{number} {'word ' * 30}\n" for number in range(5_000))
    lines = lines_of(Words(text), Heading("below"), width=33)
    assert lines[-1] == "below"
    assert sum(line.startswith("4999 ") for line in lines) == 1


def test_texts_are_found_forwards_and_backwards() -> None:
    text = "".join(f"row {number}\n" for number in range(40_000))
    layout = Layout(Document((Heading("Needle"), Words(text), Pairs((("at", "row 7"),)))), 60)
    at = layout.find("ROW 39999", 0)
    assert at is not None
    line = layout.line(at)
    assert line is not None and line.text == "row 39999"
    assert layout.find("row 39999", at + 1) is None
    assert layout.find("needle", at, forward=False) == 0
    assert layout.find("row 7", 0) == 8
    assert layout.find("row 7", at, forward=False) == 1 + 7_999
    assert layout.find("row 7", layout.height - 1, forward=False) == layout.height - 1
    assert layout.find("no such", 0) is None


def test_a_match_is_marked_on_both_rows_that_it_is_on() -> None:
    layout = Layout(Document((Words("aaaa bbbbbbNEE" + "DLEcc"),)), 14)
    marked = []
    for y in range(layout.height):
        line = layout.line(y)
        assert line is not None
        marked += [line.text[start:end] for start, end in line.marks("needle")]
    assert "".join(marked) == "NEEDLE"
    assert len(marked) == 2


def test_a_layout_takes_over_what_is_known() -> None:
    words, other = Words("text " * 100), Words("new")
    before = Layout(Document((words,)), 30)
    after = Layout(Document((other, words)), 30, before=before)
    assert after._parts[1] is before._parts[0]
    assert Layout(Document((words,)), 31, before=before)._parts[0] is not before._parts[0]


@pytest.mark.parametrize("text", ["x = 1\n" * 5_000, "x = 1\n" + "(" * 1_500])
def test_code_that_a_lexer_may_take_long_for_is_shown_plain(text: str) -> None:
    layout = Layout(Document((Code(text),)), 80)
    line = layout.line(0)
    assert line is not None and line.text.split() == ["1", "x", "=", "1"]
    assert "number" not in {style for _, _, style in line.spans}


def test_a_table_has_an_end() -> None:
    lines = TableLines(Table((Column("name"),), [("row",)] * 20_010), 80)
    assert lines.height == 20_002
    assert lines.line(20_001).text == "… 10 rows more"


def test_values_and_blocks_are_bounded() -> None:
    assert Layout(Document((Pairs((("x", "y" * 10**6),)),)), 80).height < 40
    assert Layout(Document((Rule(),) * 10_000), 80).height == 1_000
