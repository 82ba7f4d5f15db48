"""The pane that tells of the selected entry at the moment, one page for each side of it."""
