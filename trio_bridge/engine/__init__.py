"""Connection life and delivery. Knows no platform by name."""
