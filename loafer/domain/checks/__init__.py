"""What is right and wrong with a set-up, found by pure rules from what was read of it."""
