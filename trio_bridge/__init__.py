"""Keep many chat platform connections alive, and hand a Trio application a calm stream of messages."""

from ._version import __version__

__all__ = ["__version__"]
