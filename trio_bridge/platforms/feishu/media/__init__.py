"""Files that people send, and files that answers send."""
