"""What the server sides of the platforms have in common. Pure, and nothing of a client's: a simulator is its judge."""
