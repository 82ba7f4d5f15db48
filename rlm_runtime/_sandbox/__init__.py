"""The sandbox: one Deno and Pyodide process for each node."""
