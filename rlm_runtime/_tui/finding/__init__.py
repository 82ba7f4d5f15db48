"""Finding moments by their texts, and entries by what they are."""
