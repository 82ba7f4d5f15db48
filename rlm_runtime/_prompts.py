"""The words that models are sent: markdown templates, loaded once and rendered purely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Literal

from rlm_runtime._errors import ConfigError
from rlm_runtime._families import FAMILIES, family_of
from rlm_runtime._paths import data_dir

SubCalls = Literal["nodes", "completions", "none"]
"""What `llm_query` starts: child nodes, plain completions, or nothing, as it is not there."""

Reminder = Literal["no_code", "cut", "empty", "filtered", "thoughts", "tool_call"]
"""What was wrong with a reply that ran nothing."""

PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "system.md": frozenset({"packages", "tools", "sub_calls", "family", "max_observation_chars"}),
    "tools.md": frozenset({"tools_list"}),
    "sub_calls_nodes.md": frozenset({"completion_chars", "models", "family"}),
    "sub_calls_completions.md": frozenset({"completion_chars", "models", "family"}),
    "sub_calls_none.md": frozenset(),
    "models.md": frozenset({"aliases"}),
    "family.md": frozenset(),
    "family_sub_calls.md": frozenset(),
    "leaf.md": frozenset(),
    "leaf_schema.md": frozenset({"schema"}),
    "leaf_mismatch.md": frozenset({"faults"}),
    "leaf_continue.md": frozenset(),
    "answer_type.md": frozenset({"schema"}),
    "first.md": frozenset({"query", "context", "answer_type", "iterations"}),
    "iteration.md": frozenset({"observation", "iteration", "iterations", "limits"}),
    "last_iteration.md": frozenset(),
    "reminder.md": frozenset(),
    "direct.md": frozenset(),
    "direct_first.md": frozenset({"query", "context"}),
    "reminder_cut.md": frozenset({"tokens"}),
    "reminder_empty.md": frozenset(),
    "reminder_filtered.md": frozenset(),
    "reminder_thoughts.md": frozenset(),
    "reminder_tool_call.md": frozenset(),
    "repetition.md": frozenset(),
    "said.md": frozenset({"say"}),
    "trimmed.md": frozenset(),
    "trimmed_message.md": frozenset({"characters", "what", "reply"}),
}
"""Every template, and the placeholders that it may use."""

MOST_COMPLETION_CHARS = 100_000
"""What a model is told to let one plain completion read; attention gets worse long before the end
of a window."""

_FAMILIES_FOLDER = "families"

Templates = Mapping[str, Template]


class Prompts:
    """The prompts of a run, in the words for one family of models."""

    def __init__(
        self,
        templates: Mapping[str | None, Templates],
        *,
        family: str | None = None,
        packages: Sequence[str] = (),
        aliases: Sequence[str] = (),
    ) -> None:
        self._all = templates
        self._templates = templates[family]
        self._family = family
        self._packages = packages
        self._aliases = aliases

    @classmethod
    def load(cls, folder: Path | None = None) -> Prompts:
        """Read the shipped templates; those that `folder` has too, read from there.

        Raises:
            ConfigError: There is no such folder, or a template cannot be read or rendered.
        """
        if folder is not None:
            _check_folder(folder)
        families = (None, *FAMILIES)
        return cls(
            {each: {name: _load(name, folder, each) for name in PLACEHOLDERS} for each in families}
        )

    def naming(self, packages: Sequence[str] = (), aliases: Sequence[str] = ()) -> Prompts:
        """Return prompts that tell of a sandbox's packages and of the aliases of models."""
        return Prompts(self._all, family=self._family, packages=packages, aliases=aliases)

    def for_model(self, name: str) -> Prompts:
        """Return the prompts in the words for a model, by its name."""
        return Prompts(
            self._all, family=family_of(name), packages=self._packages, aliases=self._aliases
        )

    def system(
        self,
        *,
        sub_calls: SubCalls,
        max_observation_chars: int,
        completion_chars: int = MOST_COMPLETION_CHARS,
        tools: str = "",
    ) -> str:
        """Render the system prompt of a node; `tools` is a section of its own, if there is one."""
        return self._render(
            "system.md",
            packages=f" and {', '.join(self._packages)}" if self._packages else "",
            tools=_after_a_line(tools),
            sub_calls=self._sub_calls(sub_calls, completion_chars),
            family=_after_a_line(self._render("family.md")),
            max_observation_chars=max_observation_chars,
        )

    def tools(self, tools_list: str) -> str:
        """Render the section of the system prompt that lists a node's tools."""
        return self._render("tools.md", tools_list=tools_list)

    def leaf(self) -> str:
        """Render the system prompt of a plain completion."""
        return self._render("leaf.md")

    def leaf_schema(self, *, schema: str) -> str:
        """Render what is added to the prompt of a completion that is to follow a schema."""
        return self._render("leaf_schema.md", schema=schema)

    def leaf_mismatch(self, *, faults: str) -> str:
        """Render the answer to a completion that does not follow its schema."""
        return self._render("leaf_mismatch.md", faults=faults)

    def leaf_continue(self) -> str:
        """Render the answer to a completion that was cut off."""
        return self._render("leaf_continue.md")

    def first(self, *, query: str, context: str, iterations: int, schema: str = "") -> str:
        """Render a node's first user message; `schema` is that of its answer, if it has one."""
        answer_type = self._render("answer_type.md", schema=schema) if schema else ""
        return self._render(
            "first.md",
            query=query,
            context=context,
            answer_type=f"\n\n{answer_type}" if answer_type else "",
            iterations=iterations,
        )

    def observation(
        self, *, observation: str, iteration: int, iterations: int, limits: str = ""
    ) -> str:
        """Render the message that shows what an iteration did, and what is left of the limits."""
        return self._render(
            "iteration.md",
            observation=observation,
            iteration=iteration,
            iterations=iterations,
            limits=limits,
        ).rstrip("\n")

    def last_iteration(self) -> str:
        """Render what is added to an observation when one reply is left."""
        return self._render("last_iteration.md")

    def reminder(self, kind: Reminder = "no_code", *, tokens: int = 0) -> str:
        """Render the answer to a reply that ran nothing; `tokens` is the length of one cut off."""
        if kind == "no_code":
            return self._render("reminder.md")
        return self._render(f"reminder_{kind}.md", tokens=tokens)

    def said(self, say: str) -> str:
        """Render what is added to the newest message where a run is forked with a word to it."""
        return self._render("said.md", say=say)

    def repetition(self) -> str:
        """Render what is added to an observation when an iteration was the same three times."""
        return self._render("repetition.md")

    def trimmed(self) -> str:
        """Render what is added to the newest message when older ones were left out."""
        return self._render("trimmed.md")

    def trimmed_message(self, *, characters: int, what: str, reply: int) -> str:
        """Render what takes the place of a message that was left out."""
        return self._render(
            "trimmed_message.md", characters=f"{characters:,}", what=what, reply=reply
        )

    def direct(self) -> str:
        """Render the system prompt of a run that is one completion."""
        return self._render("direct.md")

    def direct_first(self, *, query: str, context: str) -> str:
        """Render the user message of such a run, which holds the whole context."""
        return self._render("direct_first.md", query=query, context=context)

    def _sub_calls(self, kind: SubCalls, completion_chars: int) -> str:
        if kind == "none":
            return self._render("sub_calls_none.md")
        names = ", ".join(f'"{alias}"' for alias in self._aliases)
        return self._render(
            f"sub_calls_{kind}.md",
            completion_chars=f"{completion_chars:,}",
            models=f"\n{self._render('models.md', aliases=names)}" if names else "",
            family=_after_a_line(self._render("family_sub_calls.md")),
        )

    def _render(self, name: str, **values: str | int) -> str:
        return self._templates[name].substitute(values)


def _after_a_line(section: str) -> str:
    return f"\n\n{section}" if section else ""


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigError(f"Cannot load prompts: {str(folder)!r} is not a folder")
    # A family's name that is not known would never be read
    families = folder / _FAMILIES_FOLDER
    for each in sorted(families.iterdir()) if families.is_dir() else ():
        if each.is_dir() and each.name not in FAMILIES:
            raise ConfigError(
                f"Cannot load prompts: there is no family {each.name!r},"
                f" the known are: {', '.join(FAMILIES)}"
            )


def _find(name: str, folder: Path | None, family: str | None) -> Path:
    """Find a template: a user's before a shipped one, a family's before the one for all."""
    shipped = data_dir("prompts")
    for place in (shipped,) if folder is None else (folder, shipped):
        if family is not None and (found := place / _FAMILIES_FOLDER / family / name).exists():
            return found
        if place is not shipped and (found := place / name).exists():
            return found
    return shipped / name


def _load(name: str, folder: Path | None, family: str | None) -> Template:
    path = _find(name, folder, family)
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
