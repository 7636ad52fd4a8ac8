"""The server side of the OpenClaw Gateway: no I/O, no clock, and nothing of the client."""
