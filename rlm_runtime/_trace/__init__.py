"""The trace of a run: its events and values in one append-only file; FORMAT.md tells how."""
