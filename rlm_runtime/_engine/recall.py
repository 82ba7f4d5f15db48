"""Recall: replies that other runs have on record, taken for the same requests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import anyio.to_thread

from rlm_runtime._engine.nearest import Request, explain_miss, name_request
from rlm_runtime._engine.past_calls import completion_of
from rlm_runtime._engine.recorded import RecordedReplies
from rlm_runtime._errors import ModelRecallError
from rlm_runtime._types import Completion


@dataclass(frozen=True, slots=True)
class Recalled:
    """A reply from the record of another run."""

    completion: Completion
    run: str


class Recall:
    """What one run takes from the record: the n-th of the same requests gets the n-th reply."""

    def __init__(self, recorded: RecordedReplies, *, only: bool = False) -> None:
        self.only = only
        """Whether what is not on record may not be asked for."""
        self._recorded = recorded
        self._taken: Counter[str] = Counter()

    @property
    def seed(self) -> int | None:
        """What the random numbers of the recorded run came from."""
        return self._recorded.seed

    def holds(self, key: str) -> bool:
        """Tell whether there is a further reply to a request."""
        return self._taken[key] < len(self._recorded.places(key))

    async def take(self, key: str) -> Recalled | None:
        """Take the next reply to a request; None where there is none left.

        Raises:
            TraceError: It cannot be read any more.
        """
        if not self.holds(key):
            return None
        place = self._recorded.places(key)[self._taken[key]]
        self._taken[key] += 1
        reply = await self._recorded.load(place)
        # Nobody waited for a first token here
        completion = replace(completion_of(reply), seconds_to_first_token=None)
        return Recalled(completion, place.run)

    async def missing(self, request: Request) -> ModelRecallError:
        """Say what of a request is not on record; it reads the traces again."""
        asked = name_request(request.node, request.iteration)
        times = self._taken[request.key]
        if times:
            why = (
                f"it is on record {'once' if times == 1 else f'{times} times'}, and asked once more"
            )
        else:
            why = await anyio.to_thread.run_sync(explain_miss, request, self._recorded.paths)
        return ModelRecallError(
            f"Cannot recall {asked} by {request.model!r}, and recall_only is set: {why}"
        )
