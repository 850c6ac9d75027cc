"""Amazon SQS and SNS, through aiobotocore."""
