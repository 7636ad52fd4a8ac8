"""Many messages over one connection, as fast as the client takes them."""
