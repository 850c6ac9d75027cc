"""Content of every type that pydantic reads: its models, and what has one in it."""
