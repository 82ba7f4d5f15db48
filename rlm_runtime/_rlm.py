"""RLM, the class that users embed: it wires models, sandboxes and the trace together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from enum import Enum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import anyio
import anyio.to_thread

from rlm_runtime._answer_types.base import answer_type_of
from rlm_runtime._config import read_environment
from rlm_runtime._engine.gate import Gate
from rlm_runtime._engine.models import Models, by_depth
from rlm_runtime._engine.recorded import RecordedReplies, open_recorded
from rlm_runtime._engine.tools import Tools
from rlm_runtime._errors import ConfigError, InputError, RLMError
from rlm_runtime._events import Event
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM
from rlm_runtime._llm.opening import ModelOpener
from rlm_runtime._llm.prices import check_priced
from rlm_runtime._models import Model
from rlm_runtime._modes import DIRECT_BELOW_CHARS, AskedMode, check_mode
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._prompts import Prompts
from rlm_runtime._runner import Runner, RunResult
from rlm_runtime._sandbox.assets import prepare_assets
from rlm_runtime._sandbox.opener import SandboxOpener
from rlm_runtime._sandbox.packages import prepare_packages
from rlm_runtime._sandbox.pool import Pool, open_pool
from rlm_runtime._sandbox.walls import find_walls
from rlm_runtime._sandbox.wheels import parse_requirements
from rlm_runtime._settings import describe_settings
from rlm_runtime._tools.opening import ChildTools, Given, open_tools
from rlm_runtime._trace.finding import find_trace

_CLOSE_SECONDS = 10.0


class _Absent(Enum):
    """Stands for an argument that was not given, where None is a value."""

    CONTEXT = "the query itself"
    TRACE_DIR = "the user's state folder"


class RLM:
    """A runtime for Recursive Language Models: open it with `async with`, then `run` queries.

    Many runs may go on at once, in any tasks of one event loop; the block itself begins and ends in
    one task. When it ends, nothing is left of them.

    Args:
        model: Answers at the root: a name as litellm gives it, such as `openai/gpt-5`, or as
            `base_url` serves it; a `Model`, which has settings too; or an object of the LLM
            protocol.
        sub_model: Answers below the root; `model` does where there is none. Of several, the
            n-th answers at depth n, and the last one at all depths below.
        models: Aliases that generated code may name in `llm_query(model=…)`.
        base_url: An OpenAI-compatible endpoint for the models given by name.
        api_key: Its key, or OpenAI's; else `RLM_API_KEY`, else `OPENAI_API_KEY` of the
            environment. Other providers have variables of their own.
        limits: What each run may spend.
        tools: What generated code may call outside of its sandbox: functions, `Tool`s, and
            `MCPServer`s, which are open as long as this is.
        child_tools: The tools of child nodes: the `same`, `none`, or a list of their own.
        mode: `rlm` answers with a REPL; `direct` by one completion that reads all of the
            context, without a sandbox; `auto` directly where query and context are short and
            text, and there is nothing that only code can use.
        direct_below_chars: How short query and context must be together for `auto`.
        packages: Packages that generated code may import, such as `attrs>=25`: pure-Python or
            Pyodide wheels, which pip resolves from its index the first time.
        spare_sandboxes: How many sandboxes are kept ready for child nodes; None learns it from
            the runs, 0 keeps none.
        prompts: A folder whose prompts replace the shipped ones of the same names.
        trace_dir: Holds a folder for each run; None writes no trace.
        recall: Runs whose recorded replies are taken for the same requests, the first one that has
            one first: each an id or its beginning, a trace file, or the folder of one.
        recall_only: Whether a request that is not on record ends the run with an error; models are
            asked nothing then, and need no key.
        on_event: Is called with each event of each run, on the event loop.
        on_setup: Is called with lines that tell how the sandbox is prepared, the first time.
    """

    def __init__(
        self,
        model: str | Model | LLM,
        *,
        sub_model: str | Model | LLM | Sequence[str | Model | LLM] | None = None,
        models: Mapping[str, str | Model | LLM] | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        limits: Limits | None = None,
        tools: Sequence[Given] = (),
        child_tools: ChildTools = "same",
        mode: AskedMode = "rlm",
        direct_below_chars: int = DIRECT_BELOW_CHARS,
        packages: Sequence[str] = (),
        spare_sandboxes: int | None = None,
        prompts: Path | str | None = None,
        trace_dir: Path | str | Literal[_Absent.TRACE_DIR] | None = _Absent.TRACE_DIR,
        recall: Path | str | Sequence[Path | str] = (),
        recall_only: bool = False,
        on_event: Callable[[Event], None] | None = None,
        on_setup: Callable[[str], None] | None = None,
    ) -> None:
        self._model = model
        self._sub_models = by_depth(sub_model) or (model,)
        self._aliases = dict(models or {})
        self._base_url = base_url
        self._environment = read_environment()
        self._api_key = api_key or self._environment.api_key
        self._limits = Limits() if limits is None else limits
        self._own_limits = limits
        self._given_tools = tools
        self._child_tools = child_tools
        self._mode = mode
        self._direct_below_chars = direct_below_chars
        self._packages = packages
        self._spare_sandboxes = spare_sandboxes
        self._prompts_dir = None if prompts is None else Path(prompts)
        if trace_dir is _Absent.TRACE_DIR:
            trace_dir = default_trace_dir()
        self._trace_dir = None if trace_dir is None else Path(trace_dir)
        self._recall = [recall] if isinstance(recall, Path | str) else list(recall)
        self._recall_only = recall_only
        self._on_event = on_event
        self._on_setup = on_setup
        self._stack = AsyncExitStack()
        self._runner: Runner | None = None
        self._runs: dict[anyio.CancelScope, anyio.Event] = {}

    async def __aenter__(self) -> Self:
        """Open the clients, and prepare the sandbox if this is its first time.

        Raises:
            ConfigError: The settings name no model that can be reached, or packages that a sandbox
                cannot have.
            InputError: There is no such run to recall from.
            SandboxStartError: The sandbox cannot be prepared.
            TraceError: The trace of a run to recall from cannot be read.
        """
        self._check()
        requirements = parse_requirements(self._packages)
        async with AsyncExitStack() as stack:
            recorded = await self._open_recorded(stack)
            models = await self._open_models(stack)
            opening = open_tools(self._given_tools, self._child_tools)
            root, children = await stack.enter_async_context(opening)
            tools = Tools(root=root, children=children)
            prompts = Prompts.load(self._prompts_dir)
            pool, packages = await self._open_pool(stack, requirements)
            prompts = prompts.naming(packages, tuple(models.aliases))
            self._runner = Runner(
                models=models,
                tools=tools,
                prompts=prompts,
                pool=pool,
                limits=self._limits,
                asked_mode=self._mode,
                direct_below_chars=self._direct_below_chars,
                needs_code="tools" if self._given_tools else "packages" if self._packages else None,
                trace_dir=self._trace_dir,
                on_event=self._on_event,
                # Its clock is that of an event loop
                gate=Gate(),
                recorded=recorded,
                recall_only=self._recall_only,
                settings=self._describe_settings(tools),
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._runner = None
        runs = list(self._runs.items())
        for scope, _ in runs:
            scope.cancel()
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_SECONDS):
            for _, ended in runs:
                await ended.wait()
        await self._stack.aclose()

    async def run(
        self, query: str, *, context: object = _Absent.CONTEXT, output_type: object = None
    ) -> RunResult:
        """Answer a query about a context; without one, the query is its own context.

        Args:
            query: What is asked; of any length.
            context: A str, bytes, list, dict, or any nesting of the types that the codec of
                `rlm_runtime._values` sends. It is put into a model's window in direct mode only.
            output_type: What the answer must be: a type that pydantic takes, such as `list[str]`, a
                dataclass or a model, and the answer is what pydantic makes of the one given; or a
                JSON schema in a dict. A partial answer may be anything.

        Raises:
            ConfigError: The output type is none.
            InputError: The query is empty or no str, or the context cannot be sent to a sandbox.
            ModelError: The model failed for good.
            SandboxError: No sandbox can be started.
            LimitExceededError: A limit ended the run; it carries the partial answer.
            TraceError: The trace cannot be written.
            RLMError: The block of this RLM ended before the run did.
        """
        runner = self._opened()
        if not isinstance(query, str):
            raise InputError(f"Cannot run: the query is of type {type(query).__name__!r}, not str")
        if not query.strip():
            raise InputError("Cannot run: the query is empty")
        given = query if context is _Absent.CONTEXT else context
        answer_type = None if output_type is None else answer_type_of(output_type)
        return await self._within_block(partial(runner.run, query, given, answer_type))

    async def resume(
        self, run: str | Path, *, output_type: object = None, limits: Limits | None = None
    ) -> RunResult:
        """Go on with a run that was stopped, interrupted or killed; nothing is paid twice.

        What its nodes had done is done again from its trace, without a model; then they go on. A
        run that was answered gives its answer at once.

        Args:
            run: Its id or the beginning of that, its trace file, or the folder of one.
            output_type: What the answer must be, as for `run`; None for what was asked for before.
            limits: What the run may spend, with all that it has spent before; None for the limits
                that this RLM was given, or else those that the run had.

        Raises:
            ConfigError: Tools that the run has used are missing, or its cost so far is unknown.
            InputError: There is no such run, or its answer is not what is asked for now.
            TraceError: Its trace cannot be read or written, or it is still going on.
            RLMError: As `run` does.
        """
        runner, path = self._opened(), await self._find(run)
        answer_type = None if output_type is None else answer_type_of(output_type)
        chosen = limits or self._own_limits
        return await self._within_block(partial(runner.resume, path, answer_type, chosen))

    async def fork(
        self,
        run: str | Path,
        *,
        at: tuple[int, int],
        say: str | None = None,
        output_type: object = None,
        limits: Limits | None = None,
    ) -> RunResult:
        """Begin a run that does what another one did up to a reply, and goes on differently.

        It is a run of its own, with a trace of its own. What the other run was told after that is
        taken for the same requests, but for that reply, and so nothing is paid twice.

        Args:
            run: The other run, in whatever state: its id or the beginning of that, its trace file,
                or the folder of one.
            at: The node and, from 1, its reply that is asked for anew.
            say: What the node is told in addition, as from the user.
            output_type: What the answer must be; None for what was asked for before.
            limits: What the run may spend, with what is shared; None for the limits that this RLM
                was given, or else those that the other run had.

        Raises:
            ConfigError: There is no trace_dir, or as `resume` does.
            InputError: There is no such run, or no such reply in it.
            RLMError: As `resume` does.
        """
        runner, path = self._opened(), await self._find(run)
        answer_type = None if output_type is None else answer_type_of(output_type)
        chosen = limits or self._own_limits
        work = partial(runner.fork, path, at, say or "", answer_type, chosen)
        return await self._within_block(work)

    async def _find(self, run: str | Path) -> Path:
        folder = self._trace_dir or default_trace_dir()
        return await anyio.to_thread.run_sync(find_trace, os.fspath(run), folder)

    def _opened(self) -> Runner:
        if self._runner is None:
            raise ConfigError("Cannot run: open the RLM with `async with` first")
        return self._runner

    async def _within_block(self, work: Callable[[], Awaitable[RunResult]]) -> RunResult:
        """Do the work of a run; it ends with the block of this RLM."""
        scope, ended = anyio.CancelScope(), anyio.Event()
        self._runs[scope] = ended
        try:
            with scope:
                return await work()
        finally:
            del self._runs[scope]
            ended.set()
        raise RLMError("Stopped without an answer: the block of this RLM has ended")

    def _describe_settings(self, tools: Tools) -> str:
        of_children = list(tools.children)
        return describe_settings(
            model=self._model,
            sub_models=() if self._sub_models == (self._model,) else self._sub_models,
            aliases=self._aliases,
            base_url=self._base_url,
            mode=self._mode,
            direct_below_chars=self._direct_below_chars,
            packages=self._packages,
            spare_sandboxes=self._spare_sandboxes,
            prompts=self._prompts_dir,
            tools=list(tools.root),
            child_tools=self._child_tools if isinstance(self._child_tools, str) else of_children,
            recall_only=self._recall_only,
        )

    async def _open_recorded(self, stack: AsyncExitStack) -> RecordedReplies | None:
        """Read what the runs to recall from have on record."""
        if not self._recall:
            return None
        paths = [await self._find(run) for run in self._recall]
        return await stack.enter_async_context(open_recorded(paths))

    def _check(self) -> None:
        """Raise ConfigError where the settings make no sense."""
        if (spares := self._spare_sandboxes) is not None and spares < 0:
            raise ConfigError(f"Cannot set spare_sandboxes to {spares!r}: it must be 0 or more")
        if not isinstance(self._limits, Limits):
            raise ConfigError(f"Cannot use {self._limits!r} as limits: give Limits(…)")
        check_mode(self._mode, self._direct_below_chars)
        if self._runner is not None:
            raise ConfigError("Cannot open this RLM: it is open already")
        if self._recall_only and not self._recall:
            raise ConfigError("Cannot set recall_only: recall names no run")

    async def _open_models(self, stack: AsyncExitStack) -> Models:
        opener = ModelOpener(
            stack, base_url=self._base_url, api_key=self._api_key, is_offline=self._recall_only
        )
        models = Models(
            root=await opener.open(self._model),
            subs=[await opener.open(each) for each in self._sub_models],
            aliases={alias: await opener.open(model) for alias, model in self._aliases.items()},
        )
        if self._limits.max_cost is not None and not self._recall_only:
            check_priced(models.everyone)
        return models

    async def _open_pool(
        self, stack: AsyncExitStack, requirements: Sequence[str]
    ) -> tuple[Pool | None, tuple[str, ...]]:
        """Prepare what sandboxes start from; give the pool and the names of their packages."""
        if self._mode == "direct":
            return None, ()
        progress = self._on_setup or (lambda line: None)
        assets = await prepare_assets(
            self._environment.cache_dir,
            ready=self._environment.sandbox_assets,
            progress=progress,
        )
        packages = await prepare_packages(assets, requirements, progress=progress)
        opener = SandboxOpener(packages.assets, walls=await find_walls(assets), progress=progress)
        pool = await stack.enter_async_context(open_pool(opener, spares=self._spare_sandboxes))
        return pool, packages.names


def run_sync(
    query: str,
    *,
    context: object = _Absent.CONTEXT,
    output_type: object = None,
    model: str | Model | LLM,
    **settings: Any,
) -> RunResult:
    """Answer one query from synchronous code; `settings` are the keywords of `RLM`.

    Raises:
        ConfigError: An event loop runs in this thread, as in a notebook.
        RLMError: As `RLM.run` does.
    """
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise ConfigError(
            "Cannot run synchronously: an event loop runs in this thread, as in a notebook; use"
            " `async with RLM(…) as rlm` and `await rlm.run(…)` there"
        )

    async def run() -> RunResult:
        async with RLM(model, **settings) as rlm:
            return await rlm.run(query, context=context, output_type=output_type)

    return anyio.run(run)
