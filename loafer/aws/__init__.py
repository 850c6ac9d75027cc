"""The documented 0.0.3 names of what lives in `loafer.adapters.aws`."""
