"""What a program's own configuration of `logging` or structlog can name: see docs/logs.md."""

from loafer.entrypoints.worker.fields import MessageFields, add_message_fields, text_lines
from loafer.entrypoints.worker.json_lines import JsonLines

__all__ = ["JsonLines", "MessageFields", "add_message_fields", "text_lines"]
