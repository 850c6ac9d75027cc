from gate import gate, pool

__all__ = ["gate", "pool"]
