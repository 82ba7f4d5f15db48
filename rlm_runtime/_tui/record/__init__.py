"""What a run did, as its events tell it, at any moment; it knows no terminal."""
