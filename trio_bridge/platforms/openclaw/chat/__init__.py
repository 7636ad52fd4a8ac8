"""Talking to agents: a question, and an answer that grows, whatever happens to the connection in between."""
