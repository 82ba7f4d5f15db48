"""From the name of a model to what `RLM` takes."""

from __future__ import annotations

from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.base import LLM

_SCRIPTED = "scripted/"

NO_MODEL = """Cannot run: no model is configured. Four ways to name one:
  -m openai/gpt-5                         with the key in OPENAI_API_KEY
  -m anthropic/claude-sonnet-4-5          as litellm names it, with the provider's own key
  --base-url http://localhost:11434/v1 -m NAME    a server of your own
  -m scripted/letter_counts               a scripted demo, offline"""


def resolve_model(name: str) -> str | LLM:
    """Turn the name of a scripted model into that model; other names stay as they are.

    Raises:
        ConfigError: There is no scripted model of this name.
    """
    if not name.startswith(_SCRIPTED):
        return name
    # Only the demo needs the policies and what they import
    from rlm_runtime._llm.scripted import ScriptedLLM
    from rlm_runtime.examples import policies

    known = policies()
    policy = known.get(name.removeprefix(_SCRIPTED))
    if policy is None:
        names = ", ".join(f"{_SCRIPTED}{key}" for key in sorted(known))
        raise ConfigError(f"Cannot use model {name!r}: the scripted models are {names}")
    return ScriptedLLM(policy, name=name)
