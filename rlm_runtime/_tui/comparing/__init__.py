"""Two runs side by side: what is the same in both, and where they differ."""
