"""Several workers, each in a process of its own, and who looks after them."""
