"""A map of the node's context: what of it was printed, what was sent to which child."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rlm_runtime._tui.amounts import short_count
from rlm_runtime._tui.details.context_reading import context_ref
from rlm_runtime._tui.details.document import (
    Block,
    Cell,
    Column,
    Document,
    Heading,
    MadeRows,
    Pieces,
    Rule,
    Table,
    Words,
)
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.record.context_map import (
    PRINTED,
    SENT,
    UNTOUCHED,
    ContextMap,
    Found,
    Interval,
    Part,
    clip,
    draw,
    gaps,
    length_of,
    merge,
)

_WIDTH = 48
_MOST_PARTS = 40
_MOST_GAPS = 5
_MOST_NAMED = 12
_COLUMNS = (
    Column("by", 14),
    Column("the context, to scale", _WIDTH),
    Column("share", 6, right=True),
)
_PARTS = (Column("part", 14), Column("", _WIDTH), Column("share", 6, right=True))
_PLAIN = (
    "This is a match of texts, not a proof: lines of at least 20 characters that are in the "
    "context too. What code has read and neither printed nor sent does not show."
)


def _row(moment: Moment, one: Found, size: int) -> Sequence[Cell]:
    printed, sent = (one.intervals, ()) if one.use == "printed" else ((), one.intervals)
    cells = draw(printed, sent, 0, size, _WIDTH)
    share = _percent(length_of(one.intervals), size)
    # A node is given its number later than the text: it may be asked for before it begins
    child = moment.view.record.owners[one.position] if one.use == "sent" else None
    name = one.name if child is None else moment.name(child)
    return name, (cells, "warning" if one.use == "printed" else "accent"), share


def _make(moment: Moment) -> Document:
    if moment.entry.kind != "node":
        return Document((Words("A completion has a prompt, and no context to look into.", "dim"),))
    if not context_ref(moment.view.record, moment.entry):
        return Document((Words("The context of this node is not on record.", "dim"),))
    found = moment.context_map()
    if found is None:
        return Document(
            (Words("… looking for the context in all that was printed and sent.", "dim"),)
        )
    if not found.size:
        return Document((Words("There is no text in the context of this node.", "dim"),))
    return Document(tuple(_blocks(moment, found)))


def _blocks(moment: Moment, found: ContextMap) -> list[Block]:
    until = found.until(moment.position)
    printed = merge(each for one in until if one.use == "printed" for each in one.intervals)
    sent = merge(each for one in until if one.use == "sent" for each in one.intervals)
    both, size = merge((*printed, *sent)), found.size
    touched = length_of(both)
    note = f"{size:,} characters"
    if len(found.parts) > 1:
        note += f" in {len(found.parts):,} parts"
    blocks: list[Block] = [
        Heading("Context", note),
        _line(draw(printed, sent, 0, size, _WIDTH), _percent(touched, size)),
        Pieces(
            (
                (f"{SENT} sent {_percent(length_of(sent), size)}   ", "accent"),
                (f"{PRINTED} printed {_percent(length_of(printed), size)}   ", "warning"),
                (f"{UNTOUCHED} neither {_percent(size - touched, size)}", "dim"),
            )
        ),
    ]
    blocks += _untouched(found, both)
    if len(found.parts) > 1:
        blocks += _parts(found, printed, sent)
    if until:
        rows = MadeRows(len(until), lambda number: _row(moment, until[number], size))
        blocks += [Heading("By whom", f"{len(until):,} texts"), Table(_COLUMNS, rows)]
    blocks += [Rule(is_empty=True), Words(_PLAIN, "dim")]
    if found.left_out:
        blocks.append(Words(f"{found.left_out:,} more texts were not looked at.", "dim"))
    return blocks


def _line(cells: str, share: str) -> Block:
    return Pieces(((cells, "accent"), (f"  {share}", "strong")))


def _untouched(found: ContextMap, touched: tuple[Interval, ...]) -> list[Block]:
    """Name what nobody printed or sent."""
    if len(found.parts) > 1:
        names = [
            part.name for part in found.parts if not clip(touched, part.start, max(part.end, 1))
        ]
        if not names:
            return []
        more = f" … and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
        told = ", ".join(names[:_MOST_NAMED]) + more
        return [Words(f"Untouched: {len(names):,} of {len(found.parts):,} parts: {told}", "dim")]
    free = gaps(touched, 0, found.size)[:_MOST_GAPS]
    if not free:
        return []
    told = ", ".join(f"{start:,}–{end:,}" for start, end in free)
    return [Words(f"Largest stretches that nobody touched, in characters: {told}", "dim")]


def _parts(
    found: ContextMap, printed: tuple[Interval, ...], sent: tuple[Interval, ...]
) -> list[Block]:
    largest = sorted(found.parts, key=lambda part: part.start - part.end)[:_MOST_PARTS]
    row = partial(_part_row, printed=printed, sent=sent)
    note = f"the largest {_MOST_PARTS} of them" if len(found.parts) > _MOST_PARTS else ""
    return [Heading("Parts", note), Table(_PARTS, tuple(row(part) for part in largest))]


def _part_row(
    part: Part, *, printed: tuple[Interval, ...], sent: tuple[Interval, ...]
) -> tuple[Cell, ...]:
    mine = clip(printed, part.start, part.end), clip(sent, part.start, part.end)
    touched = length_of(merge((*mine[0], *mine[1])))
    size = part.end - part.start
    width = _WIDTH - 7
    cells = f"{short_count(size):>6} {draw(*mine, part.start, part.end, width)}"
    return part.name, (cells, "accent"), _percent(touched, size)


def _percent(part: int, whole: int) -> str:
    if not part or not whole:
        return "0 %"
    share = 100 * part / whole
    # Nothing is rounded to none or all of it
    return f"{min(99, max(1, round(share)))} %" if part < whole else "100 %"


def _has_news(moment: Moment) -> bool:
    return moment.entry.kind == "node" and bool(context_ref(moment.view.record, moment.entry))


CONTEXT = Page(name="Context", short="Ctx", has_news=_has_news, make=_make, changes=True)
