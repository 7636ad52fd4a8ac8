"""Keep many chat platform connections alive, and hand a Trio application a calm stream of messages."""

__version__ = "0.1.0"
