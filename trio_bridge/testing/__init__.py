"""For tests of your own: simulators of platforms, and checks for what you put in place of our parts."""

from .dingtalk import DingTalkSimulator
from .feishu import FeishuSimulator
from .openai import OpenAISimulator
from .openclaw import OpenClawSimulator
from .store import check_store
from .websocket import check_websocket

__all__ = [
    "DingTalkSimulator",
    "FeishuSimulator",
    "OpenAISimulator",
    "OpenClawSimulator",
    "check_store",
    "check_websocket",
]
