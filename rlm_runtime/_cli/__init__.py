"""The command line; each command is imported when it is asked for."""

from __future__ import annotations

import re
import sys
from importlib import import_module

import click

from rlm_runtime._cli.status import ExitStatus, describe_error, exit_status
from rlm_runtime._cli.stderr import protect_stderr, tell

_COMMANDS = {
    "doctor": "Look at all that a run needs, and say what to do about the rest.",
    "export": "Write a run in another form.",
    "fork": "Begin a run that does what another one did, and goes on differently.",
    "resume": "Go on with a run that was stopped, interrupted or killed.",
    "run": "Answer a question about a context of any size.",
    "runs": "List the runs, newest first; delete what nobody needs.",
    "view": "Look at a run: its tree, its timeline, and all that its nodes said and did.",
}
"""The first line of each command's help, so that the list of them imports none."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rlm-pyodide", prog_name="rlm")
def cli() -> None:
    """Answer questions about contexts of any size with Recursive Language Models."""


def main() -> None:
    """Run the command that the process's arguments name, and exit."""
    protect_stderr()
    try:
        status = cli.main(prog_name="rlm", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as exc:
        tell(exc.format_message())
        status = ExitStatus.USAGE
    except click.ClickException as exc:
        status = exc.exit_code
        # click's own messages are sentences, some with a choice on each line
        message = re.sub(r"\s*\n\s*", " ", exc.format_message())
        tell(f"rlm: {message.removesuffix('.')}")
        if isinstance(exc, click.UsageError) and exc.ctx is not None:
            tell(f"rlm: hint: {exc.ctx.command_path} --help lists the options")
    except click.Abort:
        status = ExitStatus.INTERRUPTED
        tell("rlm: Interrupted")
    except Exception as error:  # outside of a command: while it is imported or its options read
        status = exit_status(error)
        tell(describe_error(error, debug="--debug" in sys.argv))
    sys.exit(status or ExitStatus.ANSWERED)
