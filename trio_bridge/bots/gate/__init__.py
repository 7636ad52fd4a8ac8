"""Who is heard, and what the others are told."""
