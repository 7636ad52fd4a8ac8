"""What bots on chat platforms have in common. Knows no platform by name."""
