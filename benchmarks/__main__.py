"""Run every measurement."""

from __future__ import annotations

from benchmarks import fan_out, large_values, start_up, stdlib_question, stopping

for module in (start_up, stdlib_question, fan_out, large_values, stopping):
    module.measure()
