"""The option that says where runs are found; `find_trace` finds them for the library, too."""

from __future__ import annotations

from pathlib import Path

import click

from rlm_runtime._trace.finding import find_trace, is_id

__all__ = ["find_trace", "is_id", "trace_dir_option"]

trace_dir_option = click.option(
    "--trace-dir",
    envvar="RLM_TRACE_DIR",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder that holds a folder for each run.  [default: in the user's state folder]",
)
