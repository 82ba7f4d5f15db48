"""Finding a pattern in a text, in a time that grows with the text's length and no faster."""

from __future__ import annotations

from collections.abc import Iterable

from rlm_runtime._tui.finding.patterns import Place

_MOST_STATES = 500
_MOST_CHARS = 2_000
"""So many transitions of one state are kept: hostile text has any number of characters."""


class _Found(Exception):  # noqa: N818 - it is no error: it ends the loop over a text
    """The pattern ends here."""


class _State(dict[str, "_State"]):
    """All places that a match can be at; a lookup by the next character gives the next state."""

    __slots__ = ("automaton", "before", "is_end", "places")

    def __init__(self, automaton: Automaton, places: tuple[Place, ...], before: str) -> None:
        self.automaton = automaton
        self.places = places
        """Those that wait for a character, or for what comes after an assertion."""
        self.before = before
        """What was before: `w` for a part of a word, `n` for the end of a line, else another."""

    def __missing__(self, char: str) -> _State:
        found = self.automaton.after(self, char)
        if len(self) < _MOST_CHARS:
            self[char] = found
        return found


class Automaton:
    """Runs a pattern over texts: all ways at once, each character once."""

    def __init__(self, first: Place, last: Place) -> None:
        self._first, self._last = first, last
        self._states: dict[tuple[frozenset[int], str], _State] = {}
        self.start = self._state((first,), "n")

    def ends(self, state: _State, text: str) -> tuple[_State, int]:
        """Go on with a piece of a text.

        Returns:
            The state after it, and behind which of its characters a match ends; -1 for none.
        """
        at = 0
        try:
            for at, char in enumerate(text):  # noqa: B007 - used after a match was found
                state = state[char]
        except _Found:
            return state, at
        return state, -1

    def is_found_at_end(self, state: _State) -> bool:
        """Tell whether a match ends with the text."""
        return self._last in self._closure(state.places, state.before, "")

    def longest(self, text: str, start: int, most: int) -> int:
        """Find where the longest match ends that begins at a place of a text; -1 for none."""
        end, places = -1, [self._first]
        before = _kind(text[start - 1]) if start else "n"
        for at in range(start, min(len(text), start + most) + 1):
            char = text[at : at + 1]
            found = self._closure(places, before, char)
            if self._last in found:
                end = at
            places = [
                then for one in found if char and one.test and one.test(char) for then in one.then
            ]
            if not places or not char:
                break
            before = _kind(char)
        return end

    def after(self, state: _State, char: str) -> _State:
        """Find the state after one more character.

        Raises:
            _Found: A match ends before it.
        """
        places = self._closure(state.places, state.before, char)
        if self._last in places:
            raise _Found
        reached = [then for one in places if one.test and one.test(char) for then in one.then]
        # A match may begin anywhere
        return self._state((self._first, *reached), _kind(char))

    def _state(self, places: Iterable[Place], before: str) -> _State:
        some = tuple(dict.fromkeys(places))
        key = frozenset(id(one) for one in some), before
        found = self._states.get(key)
        if found is None:
            if len(self._states) >= _MOST_STATES:
                # Without this they would keep each other
                for one in self._states.values():
                    one.clear()
                self._states.clear()
            found = self._states[key] = _State(self, some, before)
        return found

    def _closure(self, places: Iterable[Place], before: str, char: str) -> dict[Place, None]:
        """Find all places that can be reached without a character, given what is around."""
        found: dict[Place, None] = {}
        rest = list(places)
        while rest:
            place = rest.pop()
            if place in found or not _holds(place.assertion, before, char):
                continue
            found[place] = None
            if place.test is None:
                rest += place.then
        return found


def _kind(char: str) -> str:
    return "w" if char.isalnum() or char == "_" else "n" if char == "\n" else " "


def _holds(assertion: str, before: str, char: str) -> bool:
    match assertion:
        case "^":
            return before == "n"
        case "$":
            return char in ("", "\n")
        case "b" | "B":
            is_edge = (before == "w") != (char != "" and _kind(char) == "w")
            return is_edge == (assertion == "b")
    return True
