"""Sample handlers; copy them."""
