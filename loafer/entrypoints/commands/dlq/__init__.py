"""What `loafer dlq` does: dead letters looked at, sorted, moved and deleted."""
