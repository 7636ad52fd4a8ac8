"""The server side of Feishu, without I/O: what the simulator is made of, and what judges every client."""
