"""Sockets of the operating system."""
