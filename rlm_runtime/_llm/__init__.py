"""Models: the protocol, the httpx client, scripted policies."""
