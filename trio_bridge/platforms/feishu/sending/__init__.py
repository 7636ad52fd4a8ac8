"""What is said: where it goes, how it looks, and in how many messages."""
