"""Ready-made handlers: what answers when no handler of one's own is wanted."""

from .command import Command, CommandFailed
from .echo import Echo
from .openai import OpenAI
from .protocol import Agent, OpenableAgent
from .python import load_handler

__all__ = ["Agent", "Command", "CommandFailed", "Echo", "OpenAI", "OpenableAgent", "load_handler"]
