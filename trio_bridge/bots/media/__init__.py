"""Files that answers send: how they are named, read and looked at."""
