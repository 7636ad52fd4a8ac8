"""The agent that asks an OpenClaw Gateway."""
