"""A queue in memory with the semantics of SQS: what demos and tests run on."""
