"""Runs that are killed and resumed: what they ask, how they are killed, what is found wrong."""
