"""The options that say how a run is answered, and the `RLM` that is made from them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from rlm_runtime._cli.finding import trace_dir_option
from rlm_runtime._cli.limit_options import limit_options, make_limits
from rlm_runtime._cli.model_options import ModelOptions, model_options
from rlm_runtime._cli.models import NO_MODEL
from rlm_runtime._cli.otel_option import otel_option
from rlm_runtime._cli.tool_options import make_tools, tool_options
from rlm_runtime._errors import ConfigError
from rlm_runtime._events import Event
from rlm_runtime._limits import Limits
from rlm_runtime._modes import DIRECT_BELOW_CHARS, AskedMode
from rlm_runtime._paths import default_trace_dir

if TYPE_CHECKING:  # the command line must be able to start without the engine
    from rlm_runtime._rlm import RLM

_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.option(
        "-m",
        "--model",
        metavar="MODEL",
        envvar="RLM_MODEL",
        help="The model, as litellm or the endpoint names it, such as openai/gpt-5.",
    ),
    click.option(
        "--sub-model",
        "sub_models",
        envvar="RLM_SUB_MODEL",
        multiple=True,
        metavar="MODEL",
        help="The model of sub-calls; may be repeated, one for each depth, the last for all below.",
    ),
    click.option(
        "--base-url",
        metavar="URL",
        envvar="RLM_BASE_URL",
        help="An OpenAI-compatible endpoint, such as http://localhost:11434/v1.",
    ),
    model_options,
    limit_options,
    tool_options,
    click.option(
        "--package",
        "packages",
        envvar="RLM_PACKAGE",
        multiple=True,
        metavar="NAME",
        help="A package that the code may import, such as attrs>=25; may be repeated.",
    ),
    click.option(
        "--spare-sandboxes",
        metavar="N",
        envvar="RLM_SPARE_SANDBOXES",
        type=click.IntRange(min=0),
        help="Sandboxes that are kept ready for child nodes.  [default: as many as they need]",
    ),
    click.option(
        "--prompts",
        envvar="RLM_PROMPTS",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="A folder of prompts to use instead of the built-in ones.",
    ),
    trace_dir_option,
    click.option(
        "--recall",
        envvar="RLM_RECALL",
        multiple=True,
        metavar="RUN",
        help="A run whose recorded replies are taken for the same requests; may be repeated.",
    ),
    click.option(
        "--recall-only",
        envvar="RLM_RECALL_ONLY",
        is_flag=True,
        help="Ask no model: a request that is not on record ends the run.",
    ),
    otel_option,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the options and variables say about how to run."""

    model: str
    sub_models: tuple[str, ...]
    base_url: str | None
    models: ModelOptions
    limits: Limits
    tools: list[Any]
    child_tools: Literal["same", "none"]
    mode: AskedMode
    direct_below_chars: int
    packages: tuple[str, ...]
    spare_sandboxes: int | None
    prompts: Path | None
    trace_dir: Path
    recall: tuple[str, ...]
    recall_only: bool

    def open_runner(
        self, on_event: Callable[[Event], None], on_setup: Callable[[str], None]
    ) -> AbstractAsyncContextManager[RLM]:
        """Make the `RLM` to run with."""
        # The engine, httpx and the sandbox load only for a run whose input is in order
        from rlm_runtime._rlm import RLM

        return RLM(
            self.models.resolve(self.model),
            sub_model=[self.models.resolve(name) for name in self.sub_models],
            models=self.models.resolve_aliases(),
            base_url=self.base_url,
            limits=self.limits,
            tools=self.tools,
            child_tools=self.child_tools,
            mode=self.mode,
            direct_below_chars=self.direct_below_chars,
            packages=self.packages,
            spare_sandboxes=self.spare_sandboxes,
            trace_dir=self.trace_dir,
            recall=self.recall,
            recall_only=self.recall_only,
            prompts=self.prompts,
            on_event=on_event,
            on_setup=on_setup,
        )


def setting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `make_settings` takes, and `--otel`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def make_settings(
    *,
    model: str | None,
    sub_models: tuple[str, ...],
    base_url: str | None,
    models: ModelOptions,
    mcp_servers: tuple[str, ...],
    functions: tuple[str, ...],
    child_tools: Literal["same", "none"],
    mode: AskedMode = "rlm",
    direct_below_chars: int = DIRECT_BELOW_CHARS,
    packages: tuple[str, ...],
    spare_sandboxes: int | None,
    prompts: Path | None,
    trace_dir: Path | None,
    recall: tuple[str, ...] = (),
    recall_only: bool = False,
    **limits: int | float | str | None,
) -> Settings:
    """Make the settings from the values of all options.

    Raises:
        UsageError: They do not go together.
        ConfigError: There is no model, or no such tool.
    """
    checked_limits = make_limits(limits)
    if recall_only and not recall:
        raise click.UsageError("--recall-only needs a run: name one with --recall RUN")
    if model is None:
        raise ConfigError(NO_MODEL)
    models.check_prices([model, *sub_models])
    return Settings(
        model=model,
        sub_models=sub_models,
        base_url=base_url,
        models=models,
        limits=checked_limits,
        tools=make_tools(mcp_servers, functions),
        child_tools=child_tools,
        mode=mode,
        direct_below_chars=direct_below_chars,
        packages=packages,
        spare_sandboxes=spare_sandboxes,
        prompts=prompts,
        trace_dir=trace_dir or default_trace_dir(),
        recall=recall,
        recall_only=recall_only,
    )
