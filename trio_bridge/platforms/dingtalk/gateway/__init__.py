"""The server side of DingTalk, without I/O: what the simulator is made of, and what judges every client."""
