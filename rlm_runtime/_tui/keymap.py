"""Other keys for what the viewer does: which wishes can hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from textual.binding import Binding, InvalidBinding

from rlm_runtime._printable import one_line
from rlm_runtime._tui.keys import Remappable, is_key

ALWAYS = {"ctrl+q": "quit", "tab": "the next pane", "shift+tab": "the pane before"}
"""Keys that cannot be taken away, so that one can always get about, and out."""


def check_keys(
    wanted: Mapping[str, str], remappable: Collection[Remappable]
) -> tuple[dict[str, str], list[str]]:
    """Choose which wishes for keys can hold, so that none takes a key from something else.

    Args:
        wanted: Names of keys, with commas between them, by the id of what they shall do.
        remappable: What can be given other keys.

    Returns:
        The wishes that hold, and what is wrong with the others.
    """
    held, problems = _well_formed(wanted, {one.id for one in remappable})
    while (clash := next(_clashes(held, remappable), None)) is not None:
        one, key, other = clash
        problems.append(f"{one}: {_shown(key)} is a key of {other} already")
        # It keeps its own keys, which may be in another wish: all is looked at again
        del held[one]
    return {one: ",".join(keys) for one, keys in held.items()}, problems


def _well_formed(
    wanted: Mapping[str, str], ids: Collection[str]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    held: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for one, text in wanted.items():
        keys = split_keys(text)
        bad = [key for key in keys if not is_key(key)]
        if one not in ids:
            problems.append(f"There is nothing called {_shown(one)} that a key could do")
        elif bad or not keys:
            problems.append(f"{one}: {_shown(bad[0] if bad else text)} is no key")
        else:
            held[one] = keys
    return held, problems


def _clashes(
    held: Mapping[str, tuple[str, ...]], remappable: Collection[Remappable]
) -> Iterator[tuple[str, str, str]]:
    """Find wishes for keys that do something else: the id, the key, and what it does."""
    for mine in remappable:
        for key in held.get(mine.id, ()):
            if key in ALWAYS:
                yield mine.id, key, ALWAYS[key]
            for other in remappable:
                if other.id != mine.id and mine.meets(other):
                    if key in held.get(other.id, split_keys(other.keys)):
                        yield mine.id, key, other.id


def split_keys(keys: str) -> tuple[str, ...]:
    """Give each key by its long name, once; none where that is no list of keys."""
    try:
        bindings = list(Binding.make_bindings([Binding(keys, "none")]))
    except InvalidBinding:
        return ()
    return tuple(dict.fromkeys(one.key for one in bindings))


def _shown(name: str) -> str:
    return repr(one_line(name, 40))
