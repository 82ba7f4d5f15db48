"""What an answer must be: a Python type of the user's, or a JSON schema of anybody's."""
