"""The Python side of the sandbox: it runs inside of Pyodide."""
