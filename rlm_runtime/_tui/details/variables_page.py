"""What the variables of the node hold, and what the iteration changed of them."""

from __future__ import annotations

from rlm_runtime._events import CodeExecuted
from rlm_runtime._tui.details.document import (
    Block,
    Cell,
    Column,
    Document,
    Heading,
    Style,
    Table,
    Words,
)
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.details.variables import Change, Variable, Variables, find_variables

_LOOKS: dict[Change, tuple[str, Style]] = {
    "new": ("+ new", "good"),
    "assigned": ("~ changed", "warning"),
    "deleted": ("− deleted", "bad"),
    "kept": ("", "text"),
}
_CHANGED = (Column("", 9), Column("name", 16), Column("value"), Column("by"))
_KEPT = (Column("name", 16), Column("value"), Column("iter", 4, right=True), Column("by"))
_NO_VALUES = "What the variables hold is not on record in this trace: their names alone are."
_SHORT = "Values are told in short, as they were when the last block of code had run."
_UNREAD = "Some code is too long to tell what it assigns."


def _make(moment: Moment) -> Document:
    found = find_variables(moment.view.record, moment.entry, moment.position)
    title = f"Iteration {moment.iteration}"
    blocks: list[Block] = [Heading(title, _count(found))]
    if found.changed:
        blocks.append(Table(_CHANGED, tuple(_row(one) for one in found.changed)))
    elif not found.running and not found.ended:
        blocks.append(Words("It has changed no variable so far.", "dim"))
    if found.running:
        names = ", ".join(found.running[:40])
        blocks.append(Words(f"▶ The code that is running assigns {names}", "accent"))
    if found.ended:
        names = ", ".join(found.ended[:40])
        blocks.append(Words(f"The node ended in its code, which assigns {names}", "text"))
    if found.kept:
        blocks.append(Heading("From before", f"{len(found.kept):,}"))
        rows = tuple(
            (one.name, one.value, str(one.iteration) if one.iteration else "", one.line)
            for one in found.kept
        )
        blocks.append(Table(_KEPT, rows))
    blocks.append(Words(_SHORT if found.has_values else _NO_VALUES, "dim"))
    if found.is_unread:
        blocks.append(Words(_UNREAD, "dim"))
    return Document(tuple(blocks), _main(found))


def _row(one: Variable) -> tuple[Cell, ...]:
    value = f"{one.value}  (was {one.before})" if one.before else one.value
    return (_LOOKS[one.change], one.name, value, one.line)


def _count(found: Variables) -> str:
    parts = []
    for change, word in (("new", "new"), ("assigned", "changed"), ("deleted", "deleted")):
        number = sum(one.change == change for one in found.changed)
        if number:
            parts.append(f"{number:,} {word}")
    return ", ".join(parts)


def _main(found: Variables) -> str:
    """Write the variables down, a line for each, to be copied."""
    everything = sorted((*found.changed, *found.kept), key=lambda one: one.name)
    there = [one for one in everything if one.change != "deleted"]
    return "\n".join(f"{one.name} = {one.value}" if one.value else one.name for one in there)


def _has_news(moment: Moment) -> bool:
    return any(
        isinstance(event, CodeExecuted) and bool(event.variables)
        for _, event in moment.events_of_iteration()
    )


VARIABLES = Page(name="Variables", short="Vars", has_news=_has_news, make=_make, changes=True)
