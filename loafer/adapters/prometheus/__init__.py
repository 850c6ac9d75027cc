"""Metrics by the client library of Prometheus."""
