"""From settings to what runs: names are loaded, mistakes collected, and everything is put together."""
