"""The robot does not hear itself."""

from __future__ import annotations

import logging

import pytest

from trio_bridge.messages import Conversation, Message, Sender
from trio_bridge.platforms.dingtalk.own import OwnMessages

BOT = "$:LWCP_v1:$bot"


def message(sender_id: str, chatbot: str) -> Message:
    return Message(
        platform="dingtalk",
        account="sales",
        id="m",
        conversation=Conversation("staff0001"),
        sender=Sender("staff0001"),
        text="hello",
        raw={"senderId": sender_id, "chatbotUserId": chatbot},
    )


@pytest.mark.parametrize(
    ("sender", "chatbot", "own"), [(BOT, BOT, True), ("$:LWCP_v1:$user", BOT, False), ("", "", False), ("", BOT, False)]
)
def test_own_messages_are_those_whose_sender_is_the_robot(sender: str, chatbot: str, own: bool) -> None:
    assert OwnMessages({}).have(message(sender, chatbot)) is own


def test_the_id_of_the_robot_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    own = OwnMessages({"account": "sales"})
    for chatbot in ("", BOT, BOT):
        own.have(message("$:LWCP_v1:$user", chatbot))
    assert [(record.message, record.account, record.chatbot_user_id) for record in caplog.records] == [
        ("the robot's own id", "sales", BOT)
    ]
