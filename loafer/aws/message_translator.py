"""The documented names of the translators."""

from loafer.adapters.aws.translator import SNSMessageTranslator, SQSMessageTranslator, StringMessageTranslator

__all__ = ["SNSMessageTranslator", "SQSMessageTranslator", "StringMessageTranslator"]
