"""The tree of a run: which rows it has, what is told in them, and how they are drawn."""
