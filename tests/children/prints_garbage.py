"""Writes what is no frame to stdout, and lives on until stdin ends."""

import sys

sys.stdout.write("Loading...\n")
sys.stdout.flush()
sys.stdin.read()
