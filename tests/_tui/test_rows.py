from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import CodeStarted, Event, NodeStarted, SubCallStarted
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.rows import RowMaker
from rlm_runtime._tui.tree.layout import FOLDED_FROM, GroupKey
from tests._tui.viewing import make_rows, record_of


def node(number: int, parent: int | None = None, model: str = "m") -> NodeStarted:
    return NodeStarted(
        node=number,
        parent=parent,
        depth=0 if parent is None else 1,
        model=model,
        query=f"query {number}",
        context="",
        sub_call=None,
    )


def ask(number: int, of: int = 0, model: str = "m") -> SubCallStarted:
    return SubCallStarted(
        node=of,
        sub_call=number,
        iteration=1,
        key="",
        prompt=f"prompt {number}",
        context="",
        recursive=False,
        model=model,
    )


def fan_out(count: int, of: int = 0) -> Iterator[Event]:
    for number in range(count):
        yield ask(number, of)


def expected_rows(
    record: Record,
    position: int,
    opened: Collection[GroupKey] = (),
    folded: Collection[int] = (),
) -> list[tuple[int, int, int]]:
    """Give id, level and size of group of each row, the plain way."""
    rows: list[tuple[int, int, int]] = []

    def add(siblings: list[Entry], level: int) -> None:
        begun = [one for one in siblings if one.began <= position]
        grouped = {
            key: list(members) for key, members in groupby(sorted(begun, key=key_of), key=key_of)
        }
        for one in begun:
            alike = grouped[key_of(one)]
            if len(alike) < FOLDED_FROM:
                add_entry(one, level)
            elif alike[0] is one:
                rows.append((one.id, level, len(alike)))
                for member in alike if key_of(one) in opened else []:
                    add_entry(member, level + 1)

    def add_entry(entry: Entry, level: int) -> None:
        rows.append((entry.id, level, 0))
        if entry.id not in folded:
            add(entry.children, level + 1)

    add(record.roots, 0)
    return rows


def key_of(entry: Entry) -> GroupKey:
    return (-1 if entry.parent is None else entry.parent.id, entry.place, entry.kind, entry.model)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("is_open", [False, True])
def test_rows_are_those_of_the_moment_at_every_position(seed: int, is_open: bool) -> None:
    record = record_of(*synthetic_events(180, seed=seed))
    opened = {key_of(one) for one in record.entries if one.id % 3} if is_open else set()
    folded = {one.id for one in record.entries if one.id % 17 == 4}
    maker = RowMaker()
    for position in range(-1, len(record.events), 37):
        rows = maker.rows(record, position, opened=opened, folded=folded)
        told = [(row.entry.id, row.level, len(row.group)) for row in rows]
        assert told == expected_rows(record, position, opened, folded)


def test_twelve_alike_siblings_are_one_row_from_the_twelfth_on() -> None:
    record = record_of(node(0), *fan_out(13))
    assert len(make_rows(record, 11)) == 12
    row = make_rows(record, 12)[1]
    assert len(row.group) == 12
    assert (row.entry.id, row.is_folded, row.has_below) == (1, True, True)
    assert len(make_rows(record, 13)[1].group) == 13


def test_siblings_of_another_place_kind_or_model_are_not_alike() -> None:
    blocks = [CodeStarted(node=0, iteration=1, block=block, code="") for block in (1, 2)]
    events: list[Event] = [node(0)]
    for number in range(22):
        events += [*([] if number % 11 else [blocks[number // 11]]), ask(number)]
    events += [ask(100 + number, model="other") for number in range(11)]
    events += [node(200 + number, parent=0) for number in range(11)]
    record = record_of(*events)
    assert not any(row.group for row in make_rows(record, record.last))


def test_an_opened_group_lists_its_members_below_itself() -> None:
    record = record_of(node(0), *fan_out(12))
    key = make_rows(record, 12)[1].key
    assert key is not None
    rows = make_rows(record, 12, opened={key})
    assert [row.level for row in rows] == [0, 1, *[2] * 12]
    assert not rows[1].is_folded


def test_an_entry_is_found_in_its_row_its_group_or_what_is_folded() -> None:
    record = record_of(node(0), *fan_out(12), node(1, parent=0), ask(100, of=1))
    key = make_rows(record, record.last)[1].key
    assert key is not None
    member, child, deep = record.entries[5], record.entries[13], record.entries[14]
    closed = make_rows(record, record.last)
    assert [closed.find(one) for one in (member, child, deep, None)] == [1, 2, 3, 0]
    opened = make_rows(record, record.last, opened={key})
    assert opened.find(member) == 6
    assert opened.find(member, key) == 1
    folded = make_rows(record, record.last, folded={child.id})
    assert folded.find(deep) == folded.find(child) == 2
    assert make_rows(record, 3).find(deep) == 0


def test_a_filter_shows_what_matches_and_groups_that() -> None:
    record = record_of(node(0), *fan_out(30), node(1, parent=0))
    few = make_rows(record, record.last, matches=frozenset({0, 3, 4}))
    assert [row.entry.id for row in few] == [0, 3, 4]
    many = make_rows(record, record.last, matches=frozenset({0, *range(5, 20)}))
    assert [len(row.group) for row in many] == [0, 15]
    assert make_rows(record, record.last, matches=frozenset()).find(record.entries[0]) == 0


def test_a_zoom_shows_one_entry_and_those_below_it() -> None:
    record = record_of(node(0), node(1, parent=0), ask(1, of=1), ask(2))
    rows = make_rows(record, record.last, zoom=record.entries[1])
    assert [(row.entry.id, row.level) for row in rows] == [(1, 0), (2, 1)]
    assert not make_rows(record, 0, zoom=record.entries[1])


def test_guides_tell_whether_a_sibling_follows() -> None:
    record = record_of(node(0), node(1, parent=0), ask(1, of=1), ask(2, of=1), ask(3))
    rows = make_rows(record, record.last)
    assert [rows.guides(n, 9) for n in range(5)] == [
        [],
        [True],
        [True, True],
        [True, False],
        [False],
    ]
    # The last sibling has not begun yet
    assert make_rows(record, 3).guides(3, 9) == [False, False]
    assert rows.guides(2, 1) == [True]


def test_a_deep_chain_has_a_row_for_each() -> None:
    record = record_of(node(0), *(node(n, parent=n - 1) for n in range(1, 5000)))
    rows = make_rows(record, record.last)
    assert rows[4999].level == 4999
    assert rows.find(record.entries[4999]) == 4999
    assert len(rows.guides(4999, 12)) == 12
    folded = make_rows(record, record.last, folded={0})
    assert folded.find(record.entries[4999]) == 0


def test_many_roots_are_grouped_too() -> None:
    record = record_of(*(node(n) for n in range(40)))
    rows = make_rows(record, record.last)
    assert [len(row.group) for row in rows] == [40]


def test_rows_are_made_anew_only_where_they_differ() -> None:
    record = record_of(node(0), *fan_out(3), CodeStarted(node=0, iteration=1, code=""))
    maker = RowMaker()
    rows = maker.rows(record, 3)
    assert maker.rows(record, 4) is rows
    assert len(maker.rows(record, 2)) == 3
    record.add(ask(50))
    assert len(maker.rows(record, 4)) == 4
    assert len(maker.rows(record, record.last)) == 5
    assert len(maker.rows(record, record.last, folded={0})) == 1


def test_rows_are_a_sequence() -> None:
    record = record_of(node(0), *fan_out(3))
    rows = make_rows(record, record.last)
    assert [row.entry.id for row in rows[1:3]] == [1, 2]
    assert rows[-1].entry.id == 3
    assert rows[2] in rows
