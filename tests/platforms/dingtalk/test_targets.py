"""Where answers go."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.errors import RequestFailed
from trio_bridge.platforms.dingtalk.targets import Target, address, answer_to

WEBHOOK = "https://oapi.dingtalk.com/robot/sendBySession?session=1"
FROM = {"senderStaffId": "staff1", "senderId": "$:1", "sessionWebhook": WEBHOOK, "sessionWebhookExpiredTime": "123"}


@pytest.mark.parametrize(
    ("data", "target"),
    [
        ({"conversationType": "2", "conversationId": "cidG", **FROM}, ("group", "cidG", "staff1")),
        ({"conversationType": "2", **FROM}, ("user", "staff1", "")),
        ({"conversationType": "1", "conversationId": "cidD", **FROM}, ("user", "staff1", "")),
        ({"conversationType": "1", "conversationId": "cidD", **FROM, "senderStaffId": ""}, ("user", "", "")),
    ],
)
def test_an_answer_goes_where_the_message_was_said(data: dict[str, Any], target: tuple[str, str, str]) -> None:
    found = answer_to(data)
    assert (found.kind, found.id, found.staff) == target
    assert (found.webhook, found.expires) == (WEBHOOK, 123)


@pytest.mark.parametrize(
    ("name", "kind", "id_"),
    [
        ("staff0001", "user", "staff0001"),
        ("user:Staff0001", "user", "Staff0001"),
        ("USER:cidOdd", "user", "cidOdd"),
        ("cidAbC=", "group", "cidAbC="),
        ("chat:cidAbC=", "group", "cidAbC="),
        ("group:cidAbC=", "group", "cidAbC="),
        ("dingtalk:user:Staff0001", "user", "Staff0001"),
        ("dd:cidAbC=", "group", "cidAbC="),
        ("Ding:Staff0001", "user", "Staff0001"),
        (" staff0001 ", "user", "staff0001"),
        ("a:b", "user", "a:b"),
    ],
)
def test_a_name_becomes_an_address_and_keeps_its_case(name: str, kind: str, id_: str) -> None:
    assert address(name) == Target(kind=kind, id=id_)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "  ", "user:", "dingtalk:", "group:"])
def test_a_name_that_names_nobody_is_refused(name: str) -> None:
    with pytest.raises(RequestFailed):
        address(name)


@pytest.mark.parametrize("name", ["$:LWCP_v1:$user", "user:$:LWCP_v1:$user"])
def test_an_outsider_has_no_address(name: str) -> None:
    with pytest.raises(RequestFailed, match="staff id"):
        address(name)


@pytest.mark.parametrize(
    "target",
    [Target(kind="user", id=""), Target(kind="group", id="cid一", staff="s", webhook=WEBHOOK, expires=5)],
)
def test_the_store_can_keep_it(target: Target) -> None:
    assert Target.load(target.dump()) == target
    assert " " not in target.dump()
    assert WEBHOOK not in repr(target)
