"""`rlm doctor`: look at all that a run needs, and say what to do about the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import click

from rlm_runtime._cli.answers import render_json
from rlm_runtime._cli.checks import Check, check_folder, check_memory, check_model
from rlm_runtime._cli.command import Command
from rlm_runtime._cli.model_options import model_options, take_model_options
from rlm_runtime._cli.output import write_stdout
from rlm_runtime._cli.sandbox_checks import check_sandbox
from rlm_runtime._cli.status import ExitStatus
from rlm_runtime._cli.stderr import tell
from rlm_runtime._config import read_environment
from rlm_runtime._limits import Limits
from rlm_runtime._models import Price
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._printable import one_line

_WIDTH = 600


@click.command("doctor", cls=Command)
@click.option("--fix", is_flag=True, help="Make what the sandbox lacks, or make it anew.")
@click.option("--json", "as_json", envvar="RLM_JSON", is_flag=True, help="Print one JSON object.")
@click.option("-m", "--model", envvar="RLM_MODEL", help="The model, such as openai/gpt-5.")
@click.option("--sub-model", envvar="RLM_SUB_MODEL", help="The model of sub-calls.")
@click.option("--base-url", envvar="RLM_BASE_URL", help="An OpenAI-compatible endpoint.")
@model_options
@click.option(
    "--max-memory-mb",
    metavar="N",
    envvar="RLM_MAX_MEMORY_MB",
    type=click.IntRange(64),
    default=Limits().max_memory_mb,
    show_default=True,
    help="Memory of Python in one sandbox, in MiB.",
)
@click.option(
    "--trace-dir",
    envvar="RLM_TRACE_DIR",
    type=click.Path(path_type=Path),
    help="The folder that holds a folder for each run.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    fix: bool,
    as_json: bool,
    model: str | None,
    sub_model: str | None,
    base_url: str | None,
    max_memory_mb: int,
    trace_dir: Path | None,
    **options: Any,  # those of models, each checked by its option
) -> None:
    """Look at all that a run needs, and say what to do about the rest.

    Each line is ok, warn (runs can do without) or FAIL. A sandbox is started for it; no model is
    asked. Exit status: 0 nothing needed is missing, 21 the sandbox does not work, 11 something else
    that is needed fails.
    """
    models = take_model_options(options)
    models.check_prices([model, sub_model])
    environment = read_environment()
    report = anyio.run(
        partial(check_sandbox, environment, memory_mb=max_memory_mb, fix=fix, tell=_note)
    )
    others = [
        check_memory(max_memory_mb, report.idle_mb),
        check_folder(
            "cache", environment.cache_dir, setting="RLM_CACHE_DIR", private=False, needed=False
        ),
        check_folder(
            "traces", trace_dir or default_trace_dir(), setting="RLM_TRACE_DIR", private=True
        ),
        *_check_models(
            {"model": model, "sub_model": sub_model, **models.aliases},
            base_url,
            models.price,
            has_key=environment.api_key is not None,
        ),
    ]
    status = ExitStatus.ANSWERED
    if any(check.status == "fail" for check in report.checks):
        status = ExitStatus.SANDBOX
    elif any(check.status == "fail" for check in others):
        status = ExitStatus.CONFIG
    _show([*report.checks, *others], works=status is ExitStatus.ANSWERED, as_json=as_json)
    ctx.exit(status)


def _check_models(
    names: Mapping[str, str | None],
    base_url: str | None,
    price_of: Callable[[str], Price | None],
    *,
    has_key: bool,
) -> Iterator[Check]:
    for what, name in names.items():
        if name is not None or what == "model":
            price = None if name is None else price_of(name)
            yield check_model(name, base_url, has_key=has_key, what=what, price=price)


def _note(line: str) -> None:
    tell(f"rlm: {line}")


def _show(checks: Sequence[Check], *, works: bool, as_json: bool) -> None:
    if as_json:
        told = {"ok": works, "checks": [_plain(check) for check in checks]}
        write_stdout(render_json(told).chunks)
    else:
        write_stdout(f"{line}\n".encode() for line in _lines(checks))


def _plain(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "status": check.status,
        "text": check.text,
        "hint": check.hint,
        **check.figures,
    }


def _lines(checks: Sequence[Check]) -> Iterator[str]:
    width = max(len(check.name) for check in checks)
    for check in checks:
        word = "FAIL" if check.status == "fail" else check.status
        yield f"{word:4}  {check.name:{width}}  {one_line(check.text, _WIDTH)}"
        if check.hint is not None:
            yield f"{'':4}  {'':{width}}  -> {one_line(check.hint, _WIDTH)}"
