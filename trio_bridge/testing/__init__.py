"""What a program that stands on trio_bridge is tested with: simulated platforms, and checks of what it may replace."""
