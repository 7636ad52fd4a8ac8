"""For tests of your own: simulators of platforms, and checks for what you put in place of our parts."""

from .dingtalk import DingTalkSimulator
from .openai import OpenAISimulator
from .store import check_store
from .websocket import check_websocket

__all__ = ["DingTalkSimulator", "OpenAISimulator", "check_store", "check_websocket"]
