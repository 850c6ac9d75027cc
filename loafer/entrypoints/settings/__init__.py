"""What can be set, where it is given, and what is wrong with it."""
