"""One run that is killed and resumed until it answers, and what is wrong with that."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import anyio

from benchmarks._crash.disk import Full, fill_for_a_while
from benchmarks._crash.endpoint import Endpoint
from benchmarks._crash.record import Record, read_record
from benchmarks._crash.tree import CONTEXT, QUERY, SCHEMA, TOOLS, depth_below, is_given_up, rests_on
from benchmarks._crash.victim import Kill, Session, run_session
from rlm_runtime._trace.places import is_being_written
from rlm_runtime.testing import open_loopback_server

_ROOT = Path(__file__).parents[2]
_SESSION_SECONDS = 300.0
_FRESH_SECONDS = 0.05
_LIMITS = ("--max-seconds", "600", "--max-calls", "500")
# Tools are code, which no trace holds
_OPTIONS = ("--tools", "crash_tools:stamp", "--json", "-q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """How the run goes when nobody kills it."""

    answer: object
    names: Counter[str]
    """What it asks, by name."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A run that was killed, and the process after that."""

    moment: str
    host_only: bool
    recorded: int
    in_flight: int
    """Requests whose reply was not sent to its end."""
    fresh: int
    """Replies of the last 50 ms that are not in the trace."""
    lost: int
    """Earlier ones."""
    seconds_to_request: float | None = None
    """From the start of the next process to its first request, if it made any."""


@dataclass(slots=True)
class Trial:
    """What came out."""

    answer: object = None
    problems: list[str] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    sessions: int = 0
    anew: int = 0
    """Times that nothing was there to be resumed."""
    requests: int = 0
    """But for those that the code gives up."""
    asked_again: int = 0
    """Requests whose reply was in the trace already; of these there must be none."""
    given_up_again: int = 0
    """Requests that the code had given up already."""
    stamped_again: int = 0
    """Calls of the tool whose result was in the trace already."""
    unfounded: int = 0
    """Replies that the code acted on and that are not in the trace; there must be none."""
    diverged: int = 0
    stalls: int = 0
    names: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of the last process."""


class _Play:
    def __init__(
        self, folder: Path, query: str, undisturbed: Undisturbed | None, rng: random.Random
    ) -> None:
        self.trial = Trial()
        self._query = query
        self.endpoint = Endpoint(rng)
        self._folder = folder
        self._traces = folder / "traces"
        self._undisturbed = undisturbed

    async def play(self, kills: Sequence[Kill], full: Full | None) -> None:
        trial, record = self.trial, Record(replies=Counter())
        async with open_loopback_server(self.endpoint.reply) as server:
            for number in count():
                self.endpoint.session = number
                kill = kills[number] if number < len(kills) else None
                command = self._command(record, server.base_url)
                done = await self._session(command, number, kill, full if number == 0 else None)
                trial.sessions += 1
                if done is None:
                    trial.problems.append(f"process {number} hung")
                    break
                trial.seconds = done.ended - done.started
                before, record = record, read_record(self._traces)
                self._judge(number, done, before, record)
                if not done.killed and not self._was_refused(done, record, full):
                    self._conclude(done, record)
                    break
                trial.anew += record.path is None
        names = [one.name for one in self.endpoint.asked]
        # What is given up at once may not even be sent
        trial.names = Counter(name for name in names if not is_given_up(name))
        trial.requests = trial.names.total()

    def _command(self, record: Record, base_url: str) -> list[str]:
        rlm = [sys.executable, "-m", "rlm_runtime"]
        if record.path is not None:
            return [*rlm, "resume", record.run, *_OPTIONS]
        given = ["-p", self._query, "-c", "context.txt", "-m", "m", "--base-url", base_url]
        schema = ["--schema", "schema.json"] if self._query == QUERY else []
        depth = ["--max-depth", str(depth_below(self._query))]
        return [*rlm, "run", *given, *schema, *depth, *_LIMITS, *_OPTIONS]

    async def _session(
        self, command: Sequence[str], number: int, kill: Kill | None, full: Full | None
    ) -> Session | None:
        done: Session | None = None
        with anyio.move_on_after(_SESSION_SECONDS):
            async with anyio.create_task_group() as tasks:
                if full is not None:
                    tasks.start_soon(fill_for_a_while, self._traces, full)
                done = await run_session(
                    command,
                    cwd=self._folder,
                    env=self._environment(number),
                    kill=kill,
                    wait_moment=self.endpoint.wait_moment,
                )
                tasks.cancel_scope.cancel()
        return done

    def _environment(self, number: int) -> dict[str, str]:
        kept = ("RLM_SANDBOX_ASSETS", "RLM_CACHE_DIR")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in kept or not name.startswith(("RLM_", "OPENAI_"))
        }
        return {
            **inherited,
            "PYTHONPATH": str(_ROOT),
            "RLM_TRACE_DIR": str(self._traces),
            "CRASH_STAMPS": str(self._folder / "stamps"),
            "CRASH_SESSION": str(number),
        }

    def _judge(self, number: int, done: Session, before: Record, after: Record) -> None:
        """Compare what a process asked with what it had on record, and what it left."""
        trial, asked = self.trial, self.endpoint.names(number)
        if self._undisturbed is not None:
            for name, times in (asked + before.replies - self._undisturbed.names).items():
                if not is_given_up(name):
                    trial.asked_again += min(times, asked[name])
                elif before.replies[name]:
                    trial.given_up_again += asked[name]
        trial.stamped_again += sum(one in before.stamps for one in self._stamped(number))
        bases = {base for name in asked if (base := rests_on(name)) is not None}
        trial.unfounded += sum(not after.replies[base] for base in bases if self._is_known(base))
        if before.replies - after.replies:
            trial.problems.append(f"process {number} has lost what was in the trace")
        if done.survivors:
            trial.problems.append(f"process {number} left {done.survivors} processes")
        if after.path is not None and is_being_written(after.path):
            trial.problems.append(f"process {number} left a lock")
        if "Traceback" in done.stderr:
            trial.problems.append(f"process {number} said {done.stderr[-2000:]}")
        if trial.struck and (first := self.endpoint.first_asked(number)) is not None:
            trial.struck[-1] = replace(trial.struck[-1], seconds_to_request=first - done.started)
        if done.killed:
            trial.struck.append(self._struck(number, done, before, after))

    def _struck(self, number: int, done: Session, before: Record, after: Record) -> Struck:
        new = after.replies - before.replies
        answered = self.endpoint.names(number, answered_by=done.ended)
        earlier = self.endpoint.names(number, answered_by=done.ended - _FRESH_SECONDS)
        lost = (earlier - new).total()
        return Struck(
            moment=after.moment,
            host_only=done.host_only,
            recorded=after.replies.total(),
            in_flight=(self.endpoint.names(number) - answered - new).total(),
            fresh=(answered - new).total() - lost,
            lost=lost,
        )

    def _was_refused(self, done: Session, record: Record, full: Full | None) -> bool:
        """Tell whether the disk was full when the run was to begin; nothing is lost by that."""
        return full is not None and record.path is None and done.status != 0

    def _conclude(self, done: Session, record: Record) -> None:
        trial = self.trial
        trial.diverged, trial.stalls = len(record.diverged), record.stalls
        trial.problems += [f"it diverged: {one.reason}" for one in record.diverged]
        try:
            trial.answer = json.loads(done.stdout)["answer"]
        except (ValueError, KeyError, TypeError):
            trial.problems.append(f"no answer, status {done.status}: {done.stderr[-2000:]}")
            return
        if done.status != 0 or not record.has_ended:
            trial.problems.append(f"status {done.status}, and its record has no end")
        if self._undisturbed is not None and trial.answer != self._undisturbed.answer:
            trial.problems.append(f"another answer: {trial.answer!r}")

    def _is_known(self, name: str) -> bool:
        return self._undisturbed is not None and name in self._undisturbed.names

    def _stamped(self, number: int) -> list[str]:
        try:
            lines = (self._folder / "stamps").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [text for one, text in map(str.split, lines) if int(one) == number]


async def run_trial(
    folder: Path,
    *,
    query: str = QUERY,
    undisturbed: Undisturbed | None = None,
    kills: Sequence[Kill] = (),
    full: Full | None = None,
    rng: random.Random | None = None,
) -> Trial:
    """Start a run in a folder, kill one process of it after the other, and let the last answer.

    `query` names the root of the tree: a node further down than `QUERY` makes a smaller one.
    """
    (folder / "traces").mkdir(exist_ok=True)
    (folder / "crash_tools.py").write_text(TOOLS)
    (folder / "context.txt").write_text(CONTEXT)
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    play = _Play(folder, query, undisturbed, rng or random.Random())
    await play.play(kills, full)
    return play.trial
