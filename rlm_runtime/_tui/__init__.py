"""The viewer of runs in a terminal: it reads the events of a trace, and nothing else."""
