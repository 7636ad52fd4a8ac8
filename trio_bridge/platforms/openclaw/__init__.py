"""The OpenClaw Gateway: its client, and its server side for simulators."""
