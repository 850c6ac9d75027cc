"""One worker: its event loop, its signals, its logs, and how its process ends."""
