"""What a run needs of the machine and of the settings, apart from the sandbox itself."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from rlm_runtime._cli.models import resolve_model
from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.prices import find_info
from rlm_runtime._llm.providers import key_variables, missing_key, name_fault
from rlm_runtime._models import Price
from rlm_runtime._sandbox.machine import available_memory_mb

_MB = 1 << 20
_LEAST_SPACE_MB = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warn", "fail"]
    """`warn` is something that runs can do without."""
    text: str
    hint: str | None = None
    """What to do about it."""
    figures: Mapping[str, object] = field(default_factory=dict)
    """What was measured, for programs."""


def check_memory(max_memory_mb: int, idle_mb: float | None) -> Check:
    """Compare what the machine has left with what a sandbox takes."""
    free_mb = available_memory_mb()
    figures = {"free_mb": free_mb, "max_memory_mb": max_memory_mb, "idle_sandbox_mb": idle_mb}
    text = f"{free_mb:,} MB left; a sandbox takes up to {max_memory_mb:,} MB for Python"
    if idle_mb is not None:
        text += f", {idle_mb:.0f} MB when idle"
    if free_mb < max_memory_mb + (idle_mb or 0):
        hint = "lower --max-memory-mb and --max-sandboxes, or end other programs"
        return Check(name="memory", status="warn", text=text, hint=hint, figures=figures)
    return Check(name="memory", status="ok", text=text, figures=figures)


def check_folder(
    name: str, path: Path, *, setting: str, private: bool, needed: bool = True
) -> Check:
    """Try whether files can be made in a folder, that others cannot do so, and its space."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    bad: Literal["warn", "fail"] = "fail" if needed else "warn"
    try:
        tempfile.TemporaryFile(dir=there).close()
        space_mb = shutil.disk_usage(there).free // _MB
        state = there.stat()
    except OSError as exc:
        text = f"{str(path)!r} cannot be written: {(exc.strerror or str(exc)).lower()}"
        return Check(name=name, status=bad, text=text, hint=f"let {setting} name a folder that can")
    figures = {"path": str(path), "exists": there == path, "space_mb": space_mb}
    text = f"{str(path)!r} can be {'written' if there == path else 'made'}, {space_mb:,} MB left"
    concern: tuple[str, str] | None = None
    if there == path:
        mode = stat.S_IMODE(state.st_mode)
        text += f", mode {mode:04o}"
        figures["mode"] = f"{mode:04o}"
        concern = _concern(path, state.st_uid, mode, private=private)
    if space_mb < _LEAST_SPACE_MB:
        concern = ("that is little", f"make room, or let {setting} name a folder on another disk")
    if concern is None:
        return Check(name=name, status="ok", text=text, figures=figures)
    text = f"{text}: {concern[0]}"
    return Check(name=name, status="warn", text=text, hint=concern[1], figures=figures)


def _concern(path: Path, owner: int, mode: int, *, private: bool) -> tuple[str, str] | None:
    """Say what others may do to a folder that they should not, and what to do about it."""
    named = shlex.quote(str(path))
    if owner not in (0, os.geteuid()):
        return "it belongs to another user", f"chown it: chown $(id -u) {named}"
    if mode & 0o022:
        return "others can write into it", f"keep them out: chmod go-w {named}"
    if private and mode & 0o055:
        return "others can list the runs, though not read them", f"chmod 700 {named}"
    return None


def check_model(
    model: str | None,
    base_url: str | None,
    *,
    has_key: bool,
    what: str = "model",
    price: Price | None = None,
) -> Check:
    """Tell whether a model is configured and can be asked; a key is never shown."""
    key = "a key is set" if has_key else "no key is set"
    if model is None:
        text = f"none is configured, {key}"
        hint = "give -m with each run, or let RLM_MODEL name one; the key goes into OPENAI_API_KEY"
        return Check(name=what, status="warn", text=text, hint=hint)
    try:
        if not isinstance(resolve_model(model), str):
            return Check(name=what, status="ok", text=f"{model}, scripted, needs no key")
    except ConfigError as exc:
        return Check(name=what, status="fail", text=str(exc), hint="let RLM_MODEL name another")
    if base_url and (host := _host(base_url)):
        text = f"{model} at {host}, {key}, {_cost(price)}"
        return Check(name=what, status="ok", text=text)
    if base_url:
        hint = "give a URL such as http://localhost:11434/v1"
        return Check(name=what, status="fail", text="RLM_BASE_URL is no URL", hint=hint)
    if fault := name_fault(model, None):
        hint = "name another, or let RLM_BASE_URL name an OpenAI-compatible endpoint"
        return Check(name=what, status="fail", text=f"{model!r}: {fault}", hint=hint)
    missing, key = _find_key(model, has_key=has_key)
    if missing:
        hint = f"put the key into {' or '.join(missing)}"
        return Check(name=what, status="fail", text=f"{model}, {key}", hint=hint)
    text = f"{model}, {key}, {_cost(price or find_info(model).price)}"
    return Check(name=what, status="ok", text=text)


def _find_key(model: str, *, has_key: bool) -> tuple[tuple[str, ...], str]:
    """Give the variables that lack the key of a provider's model, and say what is known of it."""
    if model.startswith("openai/"):
        missing: tuple[str, ...] = () if has_key else ("OPENAI_API_KEY",)
    elif key_variables(model.partition("/")[0]):
        missing = missing_key(model)
    else:
        return (), "litellm looks for its key"
    return missing, "no key is set" if missing else "a key is set"


def _cost(price: Price | None) -> str:
    if price is None:
        return "price unknown"
    price = price.short or price
    return f"${price.prompt:g} and ${price.completion:g} per million tokens"


def _host(url: str) -> str:
    """Give the host of a URL, which may carry a password; nothing if it is no URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
