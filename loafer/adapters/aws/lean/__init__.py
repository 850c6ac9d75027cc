"""The lean transport: SQS's frequent operations without the SDK's cost a call, for the ordinary case."""
