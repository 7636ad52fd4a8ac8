"""Every recorded call is answered as it is expected to be."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.platforms.feishu.calls import Answered, Doorstep, call, config, ignore, names, webhook
from tests.platforms.feishu.recorded import lines
from trio_bridge.errors import ConfigError
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.webhook.crypto import Undecryptable, decrypt

ROWS = lines("webhook.jsonl")
CALLS = [row for row in ROWS if row["kind"] == "request"]
TEXTS = [row for row in ROWS if row["kind"] == "aes"]
OLD = [row for row in ROWS if row["kind"] == "legacy_card_sha1"]

every_call = pytest.mark.parametrize("row", CALLS, ids=[row["name"] for row in CALLS])


def settings(row: dict[str, Any]) -> Feishu:
    """The account of a row. One that may not be is made by a way around the check of its configuration."""
    given = row["config"]
    keys = {"encrypt_key": given["encrypt_key"] or None, "allow_unencrypted": given.get("allow_unencrypted", False)}
    bounds = {"webhook_window": given["window_seconds"], "webhook_max_body": given["max_body"]}
    forbidden = keys == {"encrypt_key": None, "allow_unencrypted": False}
    return config(mode="websocket" if forbidden else "webhook", on_event=ignore, **keys, **bounds)


async def replay(row: dict[str, Any], door: Doorstep) -> Answered:
    hook = webhook(settings(row), wall=lambda: row["now"])
    with hook.opened(door):
        return await call(hook, row["body"].encode(), row["headers"])


def test_all_of_them_are_there() -> None:
    assert (len(ROWS), len(TEXTS), len(CALLS), len(OLD)) == (82, 18, 62, 2)


@pytest.mark.parametrize("row", TEXTS, ids=[row["name"] for row in TEXTS])
def test_texts_are_decrypted_or_all_refused_alike(row: dict[str, Any]) -> None:
    if "plaintext" in row["expect"]:
        assert decrypt(row["encrypt_key"], row["encrypt"]) == row["expect"]["plaintext"]
    else:
        with pytest.raises(Undecryptable) as refusal:
            decrypt(row["encrypt_key"], row["encrypt"])
        assert (str(refusal.value), refusal.value.__cause__) == ("", None)


@every_call
async def test_the_answer_is_the_expected_one(row: dict[str, Any]) -> None:
    door, expect = Doorstep(), row["expect"]
    answered = await replay(row, door)
    assert answered.status == expect["status"]
    if "reply" in expect:
        assert answered.json == expect["reply"]
    arrived = [expect["event_id"]] if "event_id" in expect else []
    assert names([*door.taken, *door.asked]) == arrived


async def test_of_what_comes_twice_the_second_is_a_duplicate() -> None:
    door, duplicates = Doorstep(), [row["expect"]["event_id"] for row in CALLS if row["expect"].get("duplicate")]
    for row in CALLS:
        assert (await replay(row, door)).status == row["expect"]["status"]
    assert door.duplicates == duplicates == ["w0001"]


def test_a_call_without_encryption_that_nobody_allowed_is_a_configuration_that_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^encrypt_key: "):
        config(encrypt_key=None)


@pytest.mark.parametrize("row", OLD, ids=[row["name"] for row in OLD])
async def test_presses_of_the_older_kind_are_not_taken(row: dict[str, Any]) -> None:
    """They are signed by SHA-1, with the token for a key: the recorded one is right, and refused like any other."""
    timestamp, nonce, token = row["timestamp"], row["nonce"], row["verification_token"]
    digest = hashlib.sha1((timestamp + nonce + token + row["body"]).encode()).hexdigest()
    assert (digest == row["signature"]) == row["expect"]["valid"]
    headers = {
        "X-Lark-Request-Timestamp": timestamp,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": row["signature"],
    }
    hook = webhook()
    with hook.opened(Doorstep()):
        assert (await call(hook, row["body"].encode(), headers)).status == 401
    assert json.loads(row["body"])["action"]["tag"] == "button"
