"""What people do with dead letters: look at them, move them, delete them."""
