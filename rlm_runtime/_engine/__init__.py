"""The engine: the tree of a run and the loop of a node."""
