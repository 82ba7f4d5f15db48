"""The help of `rlm run`, whose options stand under headings."""

from __future__ import annotations

import re
from dataclasses import fields

import click

from rlm_runtime._cli import model_options
from rlm_runtime._cli.command import Command
from rlm_runtime._limits import Limits

SECTIONS = {
    "Task and context": ("at", "say", "prompt", "contexts", "mode", "direct_below_chars", "schema"),
    "Models": (
        "model",
        "sub_models",
        "base_url",
        *model_options.NAMES,
        "prompts",
    ),
    "Limits": tuple(field.name for field in fields(Limits)),
    "What the code may use": (
        "functions",
        "mcp_servers",
        "child_tools",
        "packages",
        "spare_sandboxes",
    ),
    "Recall": ("recall", "recall_only"),
    "Output": ("as_json", "output", "trace_dir", "otel", "quiet", "view"),
}
"""The parameters under each heading, in the order in which they are shown."""


_OF_THE_RUN = {*SECTIONS["Models"], *SECTIONS["Limits"], *SECTIONS["What the code may use"]}
_DEFAULT = re.compile(r"  \[default: [^]]*\]")


class SectionedCommand(Command):
    """A command whose help has a heading for each section, and `Other options` for the rest."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        rows: dict[str, tuple[str, str]] = {}
        for param in self.get_params(ctx):
            row = self._row(param, ctx) if isinstance(param, click.Option) else None
            if param.name is not None and row is not None:
                rows[param.name] = row
        named = {name for names in SECTIONS.values() for name in names}
        rest = tuple(name for name in rows if name not in named)
        for heading, names in {**SECTIONS, "Other options": rest}.items():
            with formatter.section(heading):
                formatter.write_dl([rows[name] for name in names if name in rows])

    def _row(self, option: click.Option, ctx: click.Context) -> tuple[str, str] | None:
        return option.get_help_record(ctx)


class GoingOnCommand(SectionedCommand):
    """The same for a command that goes on with a run, whose settings are its defaults."""

    def _row(self, option: click.Option, ctx: click.Context) -> tuple[str, str] | None:
        row = super()._row(option, ctx)
        if row is None or option.name not in _OF_THE_RUN:
            return row
        return row[0], _DEFAULT.sub("", row[1])
