"""How a gateway lets us in: the device that we are, what it signs, and the login."""
