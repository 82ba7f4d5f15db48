"""The keys of the viewer: which there are, which hold now, and whether a name is one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, KEY_TO_UNICODE_NAME, Keys
from textual.screen import ModalScreen, Screen

INTERRUPT = Binding("ctrl+c", "app.interrupt", "Interrupt", id="interrupt", show=False, system=True)
"""Holds on each screen, as a modal one keeps the keys of the viewer from it."""
AROUND = "Around"
"""The group of what the toolkit does by itself."""
_OURS = "rlm_runtime._tui."
_MODIFIERS = {"ctrl", "shift", "alt", "super", "meta", "hyper"}
_NAMED = {key.value for key in Keys if key.value.isprintable()} | {"space", "delete", "insert"}


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """What some keys do at the moment."""

    id: str
    keys: tuple[str, ...]
    """As they are shown to the user."""
    description: str
    group: str
    """What kind of action it is, in a line."""
    is_of_pane: bool
    """Whether it holds for the focused pane alone."""
    action: str
    node: DOMNode
    """What has the action."""


def keys_in_use(app: App[Any], screen: Screen[Any]) -> tuple[KeyInUse, ...]:
    """List what the keys do on a screen, as remapped, those of the focused pane first."""
    keys: dict[tuple[int, str], list[str]] = {}
    bindings: dict[tuple[int, str], tuple[DOMNode, Binding]] = {}
    for active in screen.active_bindings.values():
        if active.binding.system or not active.binding.description or not active.enabled:
            continue
        key = (id(active.node), active.binding.action)
        # Of two for the same, the toolkit's own words are the longer and the vaguer ones
        if key not in bindings or not active.binding.tooltip:
            bindings[key] = active.node, active.binding
        shown = app.get_key_display(active.binding)
        if shown not in keys.setdefault(key, []):
            keys[key].append(shown)
    found = [_in_use(tuple(keys[key]), *bindings[key]) for key in bindings]
    return tuple(sorted(found, key=lambda one: not one.is_of_pane))


def _in_use(keys: tuple[str, ...], node: DOMNode, binding: Binding) -> KeyInUse:
    told = binding.tooltip or binding.description
    return KeyInUse(
        id=binding.id or "",
        keys=keys,
        description=told,
        group=_group(node, binding),
        is_of_pane=not isinstance(node, App | Screen),
        action=binding.action,
        node=node,
    )


def _group(node: DOMNode, binding: Binding) -> str:
    """Tell what kind of action a binding is: what its class says of itself."""
    for kind in type(node).__mro__:
        own = kind.__dict__.get("BINDINGS", ())
        if any(isinstance(one, Binding) and one.action == binding.action for one in own):
            if kind.__module__.startswith("textual."):
                return AROUND
            return (kind.__doc__ or kind.__name__).split("\n")[0].rstrip(".")
    return "Others"


@dataclass(frozen=True, slots=True)
class Remappable:
    """Something that can be given other keys."""

    id: str
    keys: str
    """Those that it has, with commas between them."""
    description: str
    scope: str
    """The pane or screen where they hold; empty where that is everywhere."""
    is_modal: bool
    """Whether its screen lies over the viewer, and nothing else gets keys meanwhile."""

    def meets(self, other: Remappable) -> bool:
        """Tell whether a key could mean both."""
        if self.is_modal or other.is_modal:
            return self.scope == other.scope
        return self.scope == other.scope or "" in (self.scope, other.scope)


def remappable() -> tuple[Remappable, ...]:
    """List all that can be given other keys, in whichever part of the viewer."""
    found: dict[str, Remappable] = {}
    for kind in _kinds(DOMNode):
        scope = "" if issubclass(kind, App) else kind.__name__
        for one in kind.__dict__.get("BINDINGS", ()):
            if isinstance(one, Binding) and one.id and kind.__module__.startswith(_OURS):
                told = one.tooltip or one.description
                is_modal = issubclass(kind, ModalScreen)
                # What holds in the viewer may hold on screens over it, too
                if one.id not in found or (found[one.id].is_modal and not is_modal):
                    found[one.id] = Remappable(one.id, one.key, told, scope, is_modal)
    return tuple(found.values())


def _kinds(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    yield kind
    for one in kind.__subclasses__():
        yield from _kinds(one)


def is_key(name: str) -> bool:
    """Tell whether a name is one that a key press can have, such as `x`, `f5` or `ctrl+left`."""
    *modifiers, key = name.split("+")
    if not _MODIFIERS.issuperset(modifiers) or len(set(modifiers)) < len(modifiers):
        return False
    if len(key) == 1:
        return key.isprintable() and not key.isspace()
    if key in _NAMED or key in KEY_TO_UNICODE_NAME or key in KEY_NAME_REPLACEMENTS.values():
        return True
    try:
        unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return False
    return True
