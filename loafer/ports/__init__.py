"""What the application needs from the world; the docstrings are the contract."""
