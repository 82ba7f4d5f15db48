"""Accounts of calls, tokens and money, one for each node: pure arithmetic.

An account's limits hold for all that is below it, and what is below it keeps within the limits of
all that is above. A call below a node leaves enough for one last reply of that node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rlm_runtime._limits import Limits
from rlm_runtime._models import Price
from rlm_runtime._types import Completion, Message, Usage
from rlm_runtime._worst_case import (
    KINDS,
    LEAST_REPLY,
    Kind,
    WorstCase,
    messages_tokens,
    money_limit,
    prompt_tokens,
    rates,
    text_bytes,
    used,
)

_ENOUGH_REPLY = 2048
_LEAST_BEFORE_LAST = 1024
_MOST_LAST_REPLY = 4096
# The part of a limit that the last reply may take, and the part of what is left for any reply
_LAST_REPLY_PART = 25
_REPLY_PART = 4
# What is certain to be there for an observation, and for the words of ours beside it
_LEAST_OBSERVATION = 2000
_NOTICES = 600
_UNBOUNDED = 1 << 62


@dataclass(slots=True)
class _Pot:
    """One kind of thing in one account."""

    limit: int | None = None
    spent: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    """How long a reply may be by one limit of one account."""

    kind: Kind
    account: Account
    now: int
    later: int
    """The same if all that is under way ended without having used anything."""


@dataclass(slots=True)
class Granted:
    """What is set aside for an attempt."""

    completion_tokens: int
    amounts: dict[Kind, int]


class Account:
    """What one node and all below it spent and have set aside."""

    def __init__(self, parent: Account | None = None) -> None:
        self.parent = parent
        self.path: tuple[Account, ...] = (self,) if parent is None else (*parent.path, self)
        """From the root's account to this one."""
        self.calls = 0
        self.max_calls: int | None = None
        self.longest_seconds = 0.0
        """The longest that a call of this node took so far."""
        self._pots: dict[Kind, _Pot] = {kind: _Pot() for kind in KINDS}
        self._history = _History()
        self._price: Price | None = None

    @classmethod
    def root(cls, limits: Limits) -> Account:
        """Make the account of a run."""
        account = cls()
        account.max_calls = limits.max_calls
        account._pots["max_tokens"].limit = limits.max_tokens
        if limits.max_cost is not None:
            account._pots["max_cost"].limit = money_limit(limits.max_cost)
        return account

    def child(self, share: float = 1.0) -> Account:
        """Make the account of a child node, or of a plain completion, which has no share."""
        child = Account(self)
        if share < 1.0:
            calls = child.calls_left()
            child.max_calls = calls if calls is None else min(calls, max(1, int(calls * share)))
            for kind in KINDS:
                left = child.left(kind, later=True)
                child._pots[kind].limit = left if left is None else int(left * share)
        return child

    @property
    def is_limited(self) -> bool:
        """Whether anything bounds its tokens or its money."""
        return any(account._pots[kind].limit is not None for account, kind in self._places())

    def limit(self, kind: Kind) -> int | None:
        """Give the limit that this account has of its own."""
        return self._pots[kind].limit

    def spent(self, kind: Kind) -> int:
        """Tell what counts as spent, here and below."""
        return self._pots[kind].spent

    def calls_left(self) -> int | None:
        """Tell how many calls may still be made; one is kept back for each account above."""
        left: int | None = None
        for kept, account in enumerate(reversed(self.path)):
            if account.max_calls is not None:
                here = max(0, account.max_calls - account.calls - kept)
                left = here if left is None else min(left, here)
        return left

    def add_call(self, number: int = 1) -> None:
        """Count a call, here and above."""
        for account in self.path:
            account.calls += number

    def left(self, kind: Kind, *, later: bool = False) -> int | None:
        """Tell what may still be spent; what the accounts above need to end is kept back."""
        places = [(now, then) for _, now, then in self._left(kind)]
        return max(0, min(place[later] for place in places)) if places else None

    def prompt_bound(self, messages: Sequence[Message], extra: str = "") -> int:
        """Bound the tokens of a request of this node from above."""
        return min(prompt_tokens(messages, extra), self._history.bound(messages, extra))

    def reply_rooms(self, worst: WorstCase) -> Iterator[Room]:
        """Tell how long the reply of an attempt may be, by every limit there is."""
        for kind in KINDS:
            rate = rates(kind, worst.price)
            need, per_token = rate.amount(worst.prompt_tokens, 0), rate.completion
            if worst.leaves_last_reply:
                # The next prompt has this prompt, this reply and an observation in it
                need += self._last_reply(kind, worst.price, worst.prompt_tokens)
                per_token += rate.prompt
            for account, now, later in self._left(kind):
                yield Room(
                    kind, account, _tokens(now - need, per_token), _tokens(later - need, per_token)
                )

    def tightest(self, worst: WorstCase) -> Room:
        """Find what bounds the reply of an attempt most, when nothing else is under way."""
        single = replace(worst, leaves_last_reply=False)
        return min(self.reply_rooms(single), key=lambda room: room.later)

    def observation_room(self) -> int | None:
        """Tell how many bytes the next message may have, so that a reply to it fits; None: any."""
        found: int | None = None
        for kind in KINDS:
            rate, left = rates(kind, self._price), self.left(kind)
            if left is None or rate.prompt == 0:
                continue
            reply = self._last_reply_tokens(kind, self._price)
            spare = left - rate.amount(self._history.tokens + _NOTICES, reply)
            room = max(_LEAST_OBSERVATION, spare // rate.prompt)
            found = room if found is None else min(found, room)
        return found

    def reply_size(self, asked: int, room: int) -> int:
        """Choose how long a reply may be: a part of the room, but not too little of what is asked.

        So one reply cannot take all that many at once could use.
        """
        return min(asked, max(_ENOUGH_REPLY, asked // _REPLY_PART, room // _REPLY_PART))

    def needs_notice(self, worst: WorstCase) -> bool:
        """Tell whether an attempt would leave too little for a useful reply and a last one."""
        least = min(worst.completion_tokens, _LEAST_BEFORE_LAST)
        # What is under way at the root's side is kept from it; other nodes get what is given back
        later = self.parent is not None
        return any((room.later if later else room.now) < least for room in self.reply_rooms(worst))

    def take(self, worst: WorstCase, completion_tokens: int) -> Granted:
        """Set aside what an attempt can use, here and above."""
        granted = Granted(
            completion_tokens,
            {
                kind: rates(kind, worst.price).amount(worst.prompt_tokens, completion_tokens)
                for kind in KINDS
            },
        )
        self._price = worst.price
        self._history.tokens = worst.prompt_tokens + completion_tokens
        self._reserve(granted, 1)
        return granted

    def settle(
        self, granted: Granted, usage: Usage | None, price: Price | None, *, lost: bool = False
    ) -> bool:
        """Enter what was used instead of what was set aside; tell whether it was more.

        What is `lost` from sight counts as all that was set aside: the limits must hold.
        """
        self._reserve(granted, -1)
        exceeded = False
        for kind, reserved in granted.amounts.items():
            amount = 0 if usage is None else used(kind, usage, price)
            exceeded = exceeded or amount > reserved
            for account in self.path:
                account._pots[kind].spent += max(amount, reserved) if lost else amount
        return exceeded

    def learn(self, messages: Sequence[Message], reply: str, usage: Usage) -> None:
        """Remember what the endpoint counted, which bounds the next prompt more tightly."""
        self._history.learn(messages, reply, usage)

    def recall(
        self, messages: Sequence[Message], completion: Completion, price: Price | None
    ) -> None:
        """Remember a call that was entered before: the next prompt begins with what it sent."""
        self._price = price
        if completion.is_counted:
            self.learn(messages, completion.text, completion.usage)

    def carry_over(self, amounts: Mapping[Kind, int], calls: int) -> None:
        """Enter what was spent before this account was made, here only: it is known above.

        A part of what is left above is then granted beyond that.
        """
        if self.parent is not None and self.max_calls is not None:
            self.max_calls += calls
        self.calls += calls
        for kind, amount in amounts.items():
            pot = self._pots[kind]
            if self.parent is not None and pot.limit is not None:
                pot.limit += amount
            pot.spent += amount

    def _places(self) -> Iterator[tuple[Account, Kind]]:
        return ((account, kind) for account in self.path for kind in KINDS)

    def _left(self, kind: Kind) -> Iterator[tuple[Account, int, int]]:
        """Give each account that limits this one, what is left there now, and at most."""
        kept = 0
        for account in reversed(self.path):
            if account is not self:
                kept += account._last_reply(kind, account._price, account._history.tokens)
            pot = account._pots[kind]
            if pot.limit is not None:
                left = pot.limit - pot.spent - kept
                yield account, left - pot.reserved, left

    def _last_reply(self, kind: Kind, price: Price | None, history: int) -> int:
        """Weigh one more reply of this node, to the history so far and an observation."""
        rate = rates(kind, price)
        prompt = history + _LEAST_OBSERVATION + _NOTICES
        return rate.amount(prompt, self._last_reply_tokens(kind, price))

    def _last_reply_tokens(self, kind: Kind, price: Price | None) -> int:
        per_token = rates(kind, price).completion
        limits = [pot.limit for one in self.path if (pot := one._pots[kind]).limit is not None]
        if not limits or per_token == 0:
            return _MOST_LAST_REPLY
        part = min(limits) // _LAST_REPLY_PART // per_token
        return max(LEAST_REPLY, min(_MOST_LAST_REPLY, part))

    def _reserve(self, granted: Granted, sign: int) -> None:
        for kind, amount in granted.amounts.items():
            for account in self.path:
                account._pots[kind].reserved += sign * amount


class _History:
    """What is known of the prompt that a node sent last: its next one begins alike."""

    def __init__(self) -> None:
        self.tokens = 0
        """The most that prompt and reply have together."""
        self._messages: Sequence[Message] = ()
        self._reply = ""
        self._reply_tokens = 0

    def learn(self, messages: Sequence[Message], reply: str, usage: Usage) -> None:
        """Take what the endpoint counted."""
        self._messages, self._reply = tuple(messages), reply
        self._reply_tokens = min(max(0, usage.completion_tokens), text_bytes(reply))
        self.tokens = max(0, usage.prompt_tokens) + self._reply_tokens

    def bound(self, messages: Sequence[Message], extra: str) -> int:
        """Bound a prompt from above by the last one, if it begins with that."""
        known = len(self._messages)
        if not known or tuple(messages[:known]) != self._messages:
            return _UNBOUNDED
        new = messages[known:]
        tokens = self.tokens - self._reply_tokens + text_bytes(extra) + messages_tokens(new)
        if new and new[0].content == self._reply:
            tokens -= text_bytes(self._reply) - self._reply_tokens
        return tokens


def _tokens(left: int, per_token: int) -> int:
    if per_token == 0:
        return _UNBOUNDED if left >= 0 else -1
    return left // per_token
