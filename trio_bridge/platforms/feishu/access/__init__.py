"""How a connection comes to be, and what its refusals mean."""
