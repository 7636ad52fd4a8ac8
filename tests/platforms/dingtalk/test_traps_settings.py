"""Mistakes that others made with configurations, and with what should belong to one account alone."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import attrs
import pytest
import trio
import trustme

from tests.platforms.dingtalk.cloud import Cloud, config, open_desk
from tests.platforms.dingtalk.stage import simulated
from tests.transport.servers import serving
from trio_bridge.config import Proxy, Secret
from trio_bridge.errors import AccountRefused
from trio_bridge.platforms.dingtalk.codes import OPEN
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.settings.groups import DingTalkGroup
from trio_bridge.runner.loading import read_config
from trio_bridge.runner.structure import is_by_name
from trio_bridge.runner.wording import inner, is_function, is_optional
from trio_bridge.transport.tls import ssl_context

SAMPLES: dict[Any, Any] = {bool: True, str: "x", int: 300, float: 5.0, Path: "x", Secret: "hush", Proxy: "none"}


def kind_of(field: attrs.Attribute[Any]) -> Any:
    return inner(field.type) if is_optional(field.type) else field.type


def sample(field: attrs.Attribute[Any]) -> Any:
    """Something that may stand for a key."""
    if isinstance(field.default, bool | int | float | str):
        return field.default
    kind = kind_of(field)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if get_origin(kind) is tuple:
        return []
    return {} if is_by_name(kind) else SAMPLES[kind]


def keys_of(cls: type[Any]) -> dict[str, Any]:
    """Every key that a file may set, with a value."""
    fields = [field for field in attrs.fields(attrs.resolve_types(cls)) if field.init and field.name != "name"]
    return {field.name: sample(field) for field in fields if not is_function(kind_of(field))}


def load(own: dict[str, Any], defaults: dict[str, Any]) -> DingTalk:
    tables = {
        "agent": {"kind": "echo"},
        "accounts": {"sales": {"platform": "dingtalk", **own}},
        "defaults": {"dingtalk": defaults},
    }
    [account] = read_config(tables, Path("bridge.toml")).accounts
    assert isinstance(account, DingTalk)
    return account


def test_trap_22_every_key_may_stand_in_an_account_in_the_defaults_and_in_a_group() -> None:
    keys, group = keys_of(DingTalk), keys_of(DingTalkGroup)
    assert {"client_id", "proxy", "debug", "groups", "endpoint"} <= keys.keys()
    everything = {**keys, "groups": {"cidTeam": group}}
    assert load(everything, {}) == load({}, everything)
    assert load(everything, everything).groups.keys() == {"cidTeam"}


async def test_trap_10_and_28_a_certificate_that_one_account_trusts_is_trusted_by_no_other(
    cloud: Cloud, tmp_path: Path
) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    async with serving(
        cloud.network, cloud.handle, host="api.example", tls=authority.issue_cert("api.example")
    ) as port:
        endpoint = f"https://api.example:{port}"
        async with (
            open_desk(cloud, endpoint=endpoint, ca_file=ca_file) as trusting,
            open_desk(cloud, name="other", endpoint=endpoint) as strict,
        ):
            async with trusting.platform.connect():
                with pytest.raises(AccountRefused, match="certificate"):
                    await strict.platform.connect().__aenter__()
            with pytest.raises(AccountRefused, match="certificate"):
                await strict.platform.connect().__aenter__()
    assert cloud.rest.calls[OPEN] == 1
    for context in (ssl_context(), ssl_context(ca_file)):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_trap_58_what_one_account_subscribes_to_is_not_subscribed_to_by_the_next(
    autojump_clock: trio.abc.Clock, cloud: Cloud
) -> None:
    async with open_desk(cloud, subscribe_delegate=True) as loud, open_desk(cloud, name="other") as plain:
        for desk in (loud, plain, loud):
            async with desk.platform.connect():
                pass
    first, second, third = ([item["topic"] for item in body["subscriptions"]] for body in cloud.bodies(OPEN))
    assert first == third != second
    assert config().subscriptions() is not config().subscriptions()


async def test_trap_19_a_start_in_a_scope_that_is_cancelled_already_ends_at_once(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with simulated() as stage:
        with trio.CancelScope() as scope:
            scope.cancel()
            async with stage.account():
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert trio.current_time() < 1
        assert not stage.dingtalk.open_calls
