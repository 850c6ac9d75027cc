"""How loafer is started: settings, wiring, event loop and command line."""
