"""A platform's simulator as a program: steps from a script or lines from a person, and what comes of them."""
