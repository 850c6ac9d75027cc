"""The documented name of the SQS consumer."""

from loafer.adapters.aws.consumer import SQSConsumer as Consumer

__all__ = ["Consumer"]
