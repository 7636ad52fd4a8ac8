"""Ready-made handlers: what answers when no handler of one's own is wanted."""

from .command import Command, CommandFailed
from .echo import Echo
from .extracting import extract_text
from .openai.agent import OpenAI
from .openclaw.agent import OpenClaw, OpenClawRoute
from .protocol import Agent, OpenableAgent
from .python import load_handler
from .routing import Route, Router

__all__ = [
    "Agent",
    "Command",
    "CommandFailed",
    "Echo",
    "OpenAI",
    "OpenClaw",
    "OpenClawRoute",
    "OpenableAgent",
    "Route",
    "Router",
    "extract_text",
    "load_handler",
]
