"""What all commands share: no error leaves them as a traceback."""

from __future__ import annotations

from typing import Any

import click

from rlm_runtime._cli.status import describe_error, exit_status
from rlm_runtime._cli.stderr import tell


class _Telling(click.Command):
    """What all commands have: `--debug`, and errors that become one line and an exit status."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # click's own, passed on as they are
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--debug"],
                is_flag=True,
                envvar="RLM_DEBUG",
                expose_value=False,
                callback=_remember,
                help="Show the traceback of an error.",
            )
        )

    def invoke(self, ctx: click.Context) -> Any:  # the type that click gives it
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            tell(describe_error(error, debug=is_debugging(ctx)))
            ctx.exit(exit_status(error))


class Command(_Telling):
    """A command with `--debug`, whose errors become one line and an exit status."""


class Group(_Telling, click.Group):
    """The same for a command that has commands of its own."""


def is_debugging(ctx: click.Context) -> bool:
    """Tell whether the user asked for tracebacks."""
    return bool(ctx.meta.get(__name__))


def _remember(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    # It is given to a group, or to the command in it
    ctx.meta[__name__] = value or is_debugging(ctx)
