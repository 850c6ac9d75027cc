"""Transactions and errors for Sentry."""
