"""Measurements: `make bench` runs them all, `python -m benchmarks.NAME` one of them.

Scripted models: these measure the runtime, not the quality of any model.
"""
