"""Runs of a tree of three depths, killed at random moments and resumed until they answer.

Every process is killed with SIGKILL, most with all their sandboxes. The answer must be that of a
run that nobody disturbs, and no reply that is in the trace may be asked for again. `--disk-full`
lets the disk of the trace be full for a while; half of the runs are killed meanwhile.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.abc
import psutil

from benchmarks._crash.disk import Full, mounted
from benchmarks._crash.record import MOMENTS
from benchmarks._crash.trial import Struck, Trial, Undisturbed, run_trial
from benchmarks._crash.victim import Kill
from benchmarks._harness import Row, percentiles, report

_RUNS = 20
_RUNS_UNDISTURBED = 5
_AT_ONCE = 2
_MORE_KILLS = (0, 0, 0, 0, 0, 0, 1, 1, 2, 4)
_DELAYS = (0.0, 0.001, 0.005, 0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    runs: int
    seed: int
    at_once: int
    disk_full: bool


@dataclass(slots=True)
class _Trials:
    undisturbed: Undisturbed
    done: list[tuple[int, Trial]] = field(default_factory=list)


def _kill(rng: random.Random, undisturbed: Undisturbed) -> Kill:
    """Choose a moment: any of its life, or right after a reply or a request."""
    host_only = rng.random() < 0.25
    if rng.random() < 0.6:
        return Kill(seconds=rng.uniform(0, 1.05 * undisturbed.seconds), host_only=host_only)
    number = rng.randint(1, undisturbed.names.total())
    if rng.random() < 0.5:
        return Kill(requests=number, host_only=host_only)
    return Kill(answers=number, seconds=rng.choice(_DELAYS), host_only=host_only)


def _plan(
    rng: random.Random, undisturbed: Undisturbed, *, disk_full: bool
) -> tuple[list[Kill], Full | None]:
    if not disk_full:
        return [_kill(rng, undisturbed) for _ in range(1 + rng.choice(_MORE_KILLS))], None
    full = Full(after=rng.uniform(0, undisturbed.seconds), seconds=rng.uniform(0.5, 3))
    if rng.random() < 0.5:
        return [], full
    moment = full.after + rng.uniform(0, full.seconds)
    return [Kill(seconds=moment, host_only=rng.random() < 0.25)], full


async def _try_one(number: int, options: _Options, trials: _Trials) -> None:
    rng = random.Random(f"{options.seed}/{number}")
    kills, full = _plan(rng, trials.undisturbed, disk_full=options.disk_full)
    with tempfile.TemporaryDirectory(prefix="rlm-crash-") as name, ExitStack() as stack:
        folder = Path(name)
        if full is not None:
            (folder / "traces").mkdir()
            stack.enter_context(mounted(folder / "traces"))
        trial = await run_trial(
            folder, undisturbed=trials.undisturbed, kills=kills, full=full, rng=rng
        )
    trials.done.append((number, trial))
    for problem in trial.problems:
        print(f"run {number}: {problem}", file=sys.stderr, flush=True)
    print(f"{len(trials.done)} of {options.runs}", file=sys.stderr, end="\r", flush=True)


async def _undisturbed(at_once: int) -> Undisturbed:
    """Let some runs be, as many at once as later; all must give the same."""
    trials: list[Trial] = []

    async def let_be() -> None:
        with tempfile.TemporaryDirectory(prefix="rlm-crash-") as name:
            trials.append(await run_trial(Path(name)))

    for _ in range(0, _RUNS_UNDISTURBED, at_once):
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(let_be)
    first = trials[0]
    for one in trials:
        assert not one.problems and one.answer == first.answer and one.names == first.names, one
    seconds = statistics.median(one.seconds for one in trials)
    return Undisturbed(answer=first.answer, names=first.names, seconds=seconds)


async def _try_all(options: _Options) -> _Trials:
    trials = _Trials(await _undisturbed(options.at_once))
    numbers = iter(range(options.runs))

    async def work() -> None:
        for number in numbers:
            await _try_one(number, options, trials)

    async with anyio.create_task_group() as tasks:
        for _ in range(options.at_once):
            tasks.start_soon(work)
    return trials


def _counts(trials: Sequence[Trial], undisturbed: Undisturbed) -> Row:
    struck = [one for trial in trials for one in trial.struck]
    return {
        "runs": len(trials),
        "answered equal": sum(trial.answer == undisturbed.answer for trial in trials),
        "with a problem": sum(bool(trial.problems) for trial in trials),
        "kills": len(struck),
        "begun anew, nothing on record": sum(trial.anew for trial in trials),
        "requests, had nobody killed them": len(trials) * undisturbed.names.total(),
        "requests that were made": sum(trial.requests for trial in trials),
        "asked again, reply on record": sum(trial.asked_again for trial in trials),
        "asked again, given up on record": sum(trial.given_up_again for trial in trials),
        "tool called again, result on record": sum(trial.stamped_again for trial in trials),
        "in flight at a kill": sum(one.in_flight for one in struck),
        "answered in the last 50 ms, not on record": sum(one.fresh for one in struck),
        "answered before, not on record": sum(one.lost for one in struck),
        "acted on, not on record": sum(trial.unfounded for trial in trials),
        "divergences": sum(trial.diverged for trial in trials),
        "stalls of the trace": sum(trial.stalls for trial in trials),
    }


def _rows(trials: _Trials) -> list[Row]:
    """Tell apart how often a run was killed: a column for each, the last one for all."""
    done = [trial for _, trial in trials.done]
    columns: dict[str, Row] = {}
    for kills in sorted({len(trial.struck) for trial in done}):
        some = [trial for trial in done if len(trial.struck) == kills]
        columns[f"killed {kills} times"] = _counts(some, trials.undisturbed)
    columns["all"] = _counts(done, trials.undisturbed)
    return [
        {"": name, **{column: counts[name] for column, counts in columns.items()}}
        for name in columns["all"]
    ]


def _moments(trials: _Trials) -> list[Row]:
    """Tell apart where the kills struck, and how soon the next process asked something new."""
    struck = [one for _, trial in trials.done for one in trial.struck]
    rows: list[Row] = []
    for moment in MOMENTS:
        if some := [one for one in struck if one.moment == moment]:
            rows.append({"killed": moment, **_moment(some)})
    return rows


def _moment(struck: Sequence[Struck]) -> Row:
    seconds = [one.seconds_to_request for one in struck if one.seconds_to_request is not None]
    spread = percentiles(seconds) if seconds else {}
    return {
        "kills": len(struck),
        "of the host only": sum(one.host_only for one in struck),
        "replies on record (median)": statistics.median(one.recorded for one in struck),
        "resumed with requests": len(seconds),
        "s to the first, median": spread.get("median"),
        "p95": spread.get("p95"),
    }


def _options() -> _Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crashes")
    parser.add_argument("--runs", type=int, default=_RUNS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=_AT_ONCE)
    parser.add_argument("--disk-full", action="store_true")
    return _Options(**vars(parser.parse_args()))


def _orphans() -> set[int]:
    """Name the sandboxes that have no host."""
    return {
        one.pid
        for one in psutil.process_iter(["ppid", "cmdline"])
        if one.info["ppid"] == 1 and any("main.js" in arg for arg in one.info["cmdline"] or ())
    }


def _can_mount() -> bool:
    try:
        with tempfile.TemporaryDirectory() as name, mounted(Path(name)):
            return True
    except PermissionError as exc:
        print(f"skipped: no small disk can be mounted here: {exc}", file=sys.stderr)
        return False


def measure() -> None:
    """Measure, and report."""
    _measure(_Options(runs=_RUNS, seed=0, at_once=_AT_ONCE, disk_full=False))


def _measure(options: _Options) -> None:
    if options.disk_full and not _can_mount():
        return
    files, orphans = psutil.Process().num_fds(), _orphans()
    trials = anyio.run(_try_all, options)
    name = "crashes_disk_full" if options.disk_full else "crashes"
    compared = (
        f"undisturbed: {trials.undisturbed.seconds:.1f} s,"
        f" {json.dumps(trials.undisturbed.answer)}; seed {options.seed}"
    )
    report(name, _rows(trials), compared=compared)
    report(f"{name}_by_moment", _moments(trials))
    assert psutil.Process().num_fds() <= files, "files were left open"
    assert _orphans() <= orphans, "sandboxes were left behind"
    if any(trial.problems for _, trial in trials.done):
        sys.exit("some runs had a problem")


if __name__ == "__main__":
    _measure(_options())
