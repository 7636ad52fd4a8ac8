"""The version, where every floor can have it without importing the public face above it all."""

__version__ = "0.1.0"
