"""A loopback model server and scripted models: a run without a provider, in tests and offline.

async with open_loopback_server(lambda messages: "FINAL(42)") as server:
    async with RLM(model="openai/any", base_url=server.base_url) as rlm:
        result = await rlm.run("What is the answer?")
assert server.stats.requests == 1
"""

from __future__ import annotations

from rlm_runtime._llm.scripted import Policy, ScriptedLLM, ScriptedReply
from rlm_runtime._types import Message
from rlm_runtime.testing._recorder import RecordedRequest, ServerStats
from rlm_runtime.testing.faults import Fault, FaultKind, Faults
from rlm_runtime.testing.server import LoopbackServer, open_loopback_server

__all__ = [
    "Fault",
    "FaultKind",
    "Faults",
    "LoopbackServer",
    "Message",
    "Policy",
    "RecordedRequest",
    "ScriptedLLM",
    "ScriptedReply",
    "ServerStats",
    "open_loopback_server",
]
