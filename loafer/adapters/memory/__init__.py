"""A queue in memory with the semantics of SQS: what demos and tests run on."""

SCHEME = "memory://"
"""How a source begins that is a queue in memory."""
