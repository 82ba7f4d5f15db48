"""What a trace can be turned into: pages, lines, chats, spans; all from its events alone."""
