"""What a run spent before it was resumed, as its limits count it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rlm_runtime._account import Account
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.past import Charge, RunPast
from rlm_runtime._errors import ConfigError
from rlm_runtime._limits import Limits
from rlm_runtime._models import Price
from rlm_runtime._types import Usage
from rlm_runtime._usage import Ledger
from rlm_runtime._worst_case import KINDS, Kind, rates, used


class Carried:
    """What the record of a run says that it spent."""

    def __init__(self, past: RunPast, models: Models, limits: Limits) -> None:
        """Price what was spent.

        Raises:
            ConfigError: The cost is limited, and nobody knows what it was.
        """
        self._past = past
        known = {llm.name: llm.info.price for llm in models.everyone}
        # Another model may have taken the place of one that was paid for
        self._prices: Mapping[str, Price | None] = {**past.prices, **known}
        if limits.max_cost is not None:
            for charge in past.charges:
                self._check_known(charge)

    def enter(self, ledger: Ledger) -> None:
        """Enter all of it, ahead of anything new."""
        past, usage, recalled = self._past, Usage(), Usage()
        for charge in past.charges:
            if charge.is_recalled:
                recalled += replace(charge.usage, calls=1)
            else:
                usage += self._priced(charge)
        ledger.carry_over(
            usage,
            recalled,
            self._amounts(past.charges),
            calls=sum(past.calls.values()),
            next_call=past.next_call,
            nodes=past.next_node,
            seconds=past.seconds,
        )

    def enter_node(self, account: Account, number: int) -> None:
        """Enter what a node and all below it spent into its account; it is known above."""
        below = set(self._past.descendants(number))
        charges = [charge for charge in self._past.charges if charge.node in below]
        calls = sum(self._past.calls.get(node, 0) for node in below)
        account.carry_over(self._amounts(charges), calls)

    def _amounts(self, charges: list[Charge]) -> Mapping[Kind, int]:
        amounts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        for charge in charges:
            price = self._price(charge)
            for kind in KINDS:
                amount = used(kind, charge.usage, price)
                if charge.worst is not None:
                    amount = max(amount, rates(kind, price).amount(*charge.worst))
                amounts[kind] += amount
        return amounts

    def _priced(self, charge: Charge) -> Usage:
        price = self._price(charge)
        if charge.usage.cost is not None or price is None:
            return charge.usage
        return replace(charge.usage, cost=price.cost(charge.usage))

    def _price(self, charge: Charge) -> Price | None:
        return self._prices.get(charge.model)

    def _check_known(self, charge: Charge) -> None:
        if charge.usage.cost is None and self._price(charge) is None:
            raise ConfigError(
                f"Cannot go on with max_cost: what {charge.model!r} has cost so far is unknown"
            )


def carry_over(
    past: RunPast | None, models: Models, limits: Limits, ledger: Ledger
) -> Carried | None:
    """Enter what a run spent before, if it did anything before.

    Raises:
        ConfigError: The cost is limited, and nobody knows what it was.
    """
    if past is None:
        return None
    carried = Carried(past, models, limits)
    carried.enter(ledger)
    return carried
