"""Loafer: an asynchronous message dispatcher for Amazon SQS."""

__version__ = "1.0.0"
