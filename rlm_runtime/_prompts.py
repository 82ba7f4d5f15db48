"""The words that models are sent: markdown templates, loaded once and rendered purely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Literal

from rlm_runtime._errors import ConfigError
from rlm_runtime._paths import data_dir

SubCalls = Literal["nodes", "completions", "none"]
"""What `llm_query` starts: child nodes, plain completions, or nothing, as it is not there."""

PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "system.md": frozenset({"packages", "sub_calls", "max_observation_chars"}),
    "sub_calls_nodes.md": frozenset(),
    "sub_calls_completions.md": frozenset(),
    "sub_calls_none.md": frozenset(),
    "leaf.md": frozenset(),
    "first.md": frozenset({"query", "context", "iterations"}),
    "iteration.md": frozenset({"observation", "iteration", "iterations"}),
    "last_iteration.md": frozenset(),
    "reminder.md": frozenset(),
}
"""Every template, and the placeholders that it may use."""


class Prompts:
    """The prompts of a run."""

    def __init__(self, templates: Mapping[str, Template], packages: Sequence[str] = ()) -> None:
        self._templates = templates
        self._packages = packages

    @classmethod
    def load(cls, folder: Path | None = None) -> Prompts:
        """Read the shipped templates; those that `folder` has too, read from there.

        Raises:
            ConfigError: There is no such folder, or a template cannot be read or rendered.
        """
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"Cannot load prompts: {str(folder)!r} is not a folder")
        return cls({name: _load(name, folder) for name in PLACEHOLDERS})

    def naming(self, packages: Sequence[str]) -> Prompts:
        """Return prompts that tell of the packages that a sandbox has."""
        return Prompts(self._templates, packages)

    def system(self, *, sub_calls: SubCalls, max_observation_chars: int) -> str:
        """Render the system prompt of a node."""
        return self._render(
            "system.md",
            packages=f" and {', '.join(self._packages)}" if self._packages else "",
            sub_calls=self._render(f"sub_calls_{sub_calls}.md"),
            max_observation_chars=max_observation_chars,
        )

    def leaf(self) -> str:
        """Render the system prompt of a plain completion."""
        return self._render("leaf.md")

    def first(self, *, query: str, context: str, iterations: int) -> str:
        """Render a node's first user message from its query and its context's description."""
        return self._render("first.md", query=query, context=context, iterations=iterations)

    def observation(self, *, observation: str, iteration: int, iterations: int) -> str:
        """Render the message that shows what an iteration did."""
        return self._render(
            "iteration.md", observation=observation, iteration=iteration, iterations=iterations
        )

    def last_iteration(self) -> str:
        """Render what is added to an observation when one reply is left."""
        return self._render("last_iteration.md")

    def reminder(self) -> str:
        """Render the answer to a reply that had neither code nor an answer."""
        return self._render("reminder.md")

    def _render(self, name: str, **values: str | int) -> str:
        return self._templates[name].substitute(values)


def _load(name: str, folder: Path | None) -> Template:
    path = data_dir("prompts") / name
    if folder is not None and (folder / name).exists():
        path = folder / name
    try:
        template = Template(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"Cannot read the prompt {str(path)!r}: {exc}") from exc
    if not template.is_valid():
        raise ConfigError(f"Cannot use the prompt {str(path)!r}: a lone $ in it must be written $$")
    unknown = [each for each in template.get_identifiers() if each not in PLACEHOLDERS[name]]
    if unknown:
        known = ", ".join(f"${each}" for each in sorted(PLACEHOLDERS[name])) or "none"
        raise ConfigError(
            f"Cannot use the prompt {str(path)!r}: "
            f"it has the placeholder ${unknown[0]}, the known are: {known}"
        )
    return template
