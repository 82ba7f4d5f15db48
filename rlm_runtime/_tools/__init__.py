"""Host functions and MCP servers, exposed to the REPL as functions."""
