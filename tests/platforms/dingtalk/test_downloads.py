"""What people send, fetched: from which hosts, how much of it, and what an error tells."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.platforms.dingtalk.cloud import BASE, Cloud, Desk, open_desk
from trio_bridge.bots.media.receiving import AT_A_TIME
from trio_bridge.errors import AccountRefused, ConnectionLost, NotSent, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Attachment
from trio_bridge.platforms.dingtalk.gateway.files import DOWNLOAD, FILE
from trio_bridge.platforms.dingtalk.media.downloads import REDIRECTS
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.proxied import ProxiedNetwork
from trio_bridge.transport.server import serve_listener

PUBLIC, INSIDE = "93.184.216.34", "10.0.0.7"
KB = b"x" * 1024


class Internet(MemoryNetwork):
    """Names with addresses, as a resolver would tell them; each answer is used up, but for the last."""

    names: Mapping[str, list[list[str]]]

    async def look_up(self, host: str, port: int) -> list[str]:
        answers = self.names.get(host)
        if answers is None:
            return await super().look_up(host, port)
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def internet(cloud: Cloud) -> Internet:
    """DingTalk's own network, with a resolver of ours."""
    network = cloud.network
    network.__class__ = Internet
    assert isinstance(network, Internet)
    network.names = {
        "files.example": [[PUBLIC]],
        "inside.example": [[INSIDE]],
        "both.example": [[PUBLIC, INSIDE]],
        "rebinding.example": [[PUBLIC], ["127.0.0.1"]],
        "2130706433": [["127.0.0.1"]],
    }
    return network


@asynccontextmanager
async def hosts(cloud: Cloud, *places: str) -> AsyncIterator[None]:
    """The file host answers at these addresses too."""
    async with trio.open_nursery() as nursery:
        for place in places:
            host, _, port = place.rpartition(":")
            listener = await cloud.network.listen_tcp(host, int(port))
            nursery.start_soon(serve_listener, listener, cloud.handle)
        yield
        nursery.cancel_scope.cancel("the test is over")


def picture(cloud: Cloud, content: bytes = b"png") -> Attachment:
    return Attachment(kind="image", source={"code": cloud.rest.files.put(content, content_type="image/png")})


def at(url: str) -> Attachment:
    return Attachment(kind="image", source={"url": url})


def script(cloud: Cloud, *answers: Answer) -> None:
    cloud.rest.scripts.add(FILE, *answers)


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": location})


def file_calls(cloud: Cloud) -> list[str]:
    return [request.headers["host"] for request in cloud.requests if request.path == FILE]


async def refusal(desk: Desk, wanted: Attachment, code: str) -> str:
    with pytest.raises(RequestFailed) as caught:
        await desk.platform.download(wanted, None)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)
    return str(caught.value)


# What goes well.


async def test_a_picture_is_fetched_by_its_code(desk: Desk, tmp_path: Path) -> None:
    path = await desk.platform.download(picture(desk.cloud), tmp_path / "mine.png")
    assert path == tmp_path / "mine.png"
    assert path.read_bytes() == b"png"
    assert desk.cloud.bodies(DOWNLOAD) == [{"downloadCode": "dcode-0001", "robotCode": "dingexampleappkey0001"}]


async def test_neither_a_content_type_nor_our_token_goes_to_the_host(desk: Desk) -> None:
    await desk.platform.download(picture(desk.cloud), None)
    (call,) = [request for request in desk.cloud.requests if request.path == FILE]
    assert call.headers.keys() == {"host", "accept-encoding", "user-agent"}
    assert call.headers["accept-encoding"] == "identity"


async def test_trap_21_a_name_is_made_harmless_and_a_missing_one_is_made_up(desk: Desk) -> None:
    code = desk.cloud.rest.files.put(b"x")
    hostile = Attachment(kind="file", name="../../etc/passwd\0.txt", source={"code": code})
    path = await desk.platform.download(hostile, None)
    assert path.name.endswith("-passwd_.txt")
    nameless = await desk.platform.download(picture(desk.cloud), None)
    assert nameless.name.endswith("-image.png")
    assert nameless.parent == path.parent


async def test_a_url_needs_no_code(cloud: Cloud, internet: Internet) -> None:
    script(cloud, Answer(body=b"from outside"))
    async with hosts(cloud, f"{PUBLIC}:80"), open_desk(cloud, allow_insecure=True) as desk:
        path = await desk.platform.download(at(f"http://files.example{FILE}?a=/@b"), None)
    assert not path.exists()  # it went with its temporary folder
    assert DOWNLOAD not in cloud.rest.calls
    assert [connection.host for connection in internet.connections] == []


async def test_a_code_alone_is_enough_for_the_api(desk: Desk, tmp_path: Path) -> None:
    path = await desk.platform.api.download(desk.cloud.rest.files.put(b"later"), tmp_path)
    assert path.parent == tmp_path
    assert path.read_bytes() == b"later"


async def test_an_expired_code_is_gone_for_good(desk: Desk) -> None:
    wanted = picture(desk.cloud)
    desk.cloud.rest.files.expire_codes()
    text = await refusal(desk, wanted, "invalidParameter.robotCode.downloadCode")
    assert text.startswith("DingTalk no longer has the file: 400 ")


@pytest.mark.parametrize("source", [{}, {"file_id": "1"}, {"code": ""}, {"code": ["x"]}, {"url": None}])
async def test_what_has_no_place_can_not_be_fetched(desk: Desk, source: dict[str, Any]) -> None:
    assert await refusal(desk, Attachment(source=source), "no_source") == "nobody told where the file is"


# Hosts.

NOT_CALLED = [
    "http://127.0.0.1:9999/file",
    "http://localhost:8080/file",
    "http://127.0.0.2:8080/file",
    "http://[::1]:8080/file",
    "http://[::ffff:127.0.0.1]:8080/file",
    "http://0.0.0.0:8080/file",
    "http://169.254.169.254/latest/meta-data",
    "http://100.100.100.200/latest/meta-data",
    "http://inside.example/file",
    "http://both.example/file",
    "https://10.0.0.7/file",
    "http://2130706433:8080/file",
    "https://0177.0.0.1/file",
    "https://0x7f.1/file",
    "https://127.1./file",
    "https://%31%32%37.0.0.1/file",
    "https://localhost./file",
    "https://a.localhost/file",
    "http://user:secret@files.example/file",
    "http://files.example\\@127.0.0.1/file",
    "http://files.example:0/file",
    "http://a..b/file",
    "ftp://files.example/file",
    "file:///etc/passwd",
    "//files.example/file",
    "http:///file",
    "http://[::1/file",
]


@pytest.mark.parametrize("url", NOT_CALLED)
async def test_trap_70_an_address_that_is_not_public_is_not_called(cloud: Cloud, internet: Internet, url: str) -> None:
    places = (f"{INSIDE}:80", f"{INSIDE}:443", f"{PUBLIC}:80", "127.0.0.1:9999", "169.254.169.254:80")
    async with hosts(cloud, *places), open_desk(cloud, allow_insecure=True) as desk:
        await refusal(desk, at(url + "?secret"), "refused_address")
    assert cloud.requests == []


@pytest.mark.parametrize("location", [url for url in NOT_CALLED if not url.startswith(("//", "http:///"))])
async def test_trap_70_nor_is_one_behind_a_redirect(cloud: Cloud, internet: Internet, location: str) -> None:
    script(cloud, redirect(location))
    async with hosts(cloud, f"{INSIDE}:80", f"{PUBLIC}:80", "127.0.0.1:9999"):
        async with open_desk(cloud, allow_insecure=True) as desk:
            await refusal(desk, picture(cloud), "refused_address")
    assert file_calls(cloud) == ["127.0.0.1:8080"]


async def test_what_is_not_encrypted_needs_leave(cloud: Cloud, internet: Internet) -> None:
    async with hosts(cloud, f"{PUBLIC}:80"), open_desk(cloud) as desk:
        text = await refusal(desk, at(f"http://files.example{FILE}?secret"), "refused_address")
    assert text == "the file is at http://files.example:80, which is not encrypted: it is not called"


async def test_a_name_that_changes_its_mind_changes_nothing(cloud: Cloud, internet: Internet) -> None:
    script(cloud, Answer(body=b"x"))
    async with hosts(cloud, f"{PUBLIC}:80", "127.0.0.1:80"), open_desk(cloud, allow_insecure=True) as desk:
        await desk.platform.download(at(f"http://rebinding.example{FILE}"), None)
        assert [connection.host for connection in internet.connections] == [PUBLIC]


async def test_listed_hosts_may_be_anywhere_and_others_nowhere(cloud: Cloud, internet: Internet) -> None:
    script(cloud, Answer(body=b"x"))
    # The memory network listens on names; in the real one this would be the address behind it.
    async with (
        hosts(cloud, "inside.example:80", f"{PUBLIC}:80"),
        open_desk(cloud, allow_insecure=True, download_hosts=["Inside.Example"]) as desk,
    ):
        await desk.platform.download(at(f"http://inside.example{FILE}"), None)
        text = await refusal(desk, at(f"http://files.example{FILE}?secret"), "refused_address")
        await desk.platform.download(picture(cloud), None)  # the endpoint's own host needs no list
    assert "not in download_hosts" in text


async def test_a_list_names_this_machine_only_where_the_endpoint_is_on_it(cloud: Cloud) -> None:
    script(cloud, Answer(body=b"x"))
    async with hosts(cloud, "127.0.0.1:9999"):
        async with open_desk(cloud, download_hosts=["127.0.0.1"]) as desk:
            await desk.platform.download(at(f"http://127.0.0.1:9999{FILE}"), None)
        async with open_desk(cloud, endpoint="https://api.example", download_hosts=["127.0.0.1"]) as desk:
            await refusal(desk, at(f"http://127.0.0.1:9999{FILE}"), "refused_address")


async def test_what_a_proxy_stands_before_is_called_through_it(
    cloud: Cloud, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Internet, "honours_proxies", True)
    monkeypatch.setenv("http_proxy", "http://10.0.0.1:3128")
    async with open_desk(cloud, allow_insecure=True) as desk:
        with pytest.raises(NotSent, match=r"connecting to 10\.0\.0\.1:3128: Connection refused"):
            await desk.platform.download(at("http://inside.example/file"), None)
        await refusal(desk, at("http://10.0.0.7/file"), "refused_address")


async def test_the_proxy_of_the_account_is_one_like_any_other(cloud: Cloud, internet: Internet) -> None:
    script(cloud, Answer(body=b"x"))
    # As an account lends it to its platform.
    cloud.network = ProxiedNetwork(internet, lambda: "http://10.0.0.1:3128")
    async with open_desk(cloud, allow_insecure=True) as desk:
        with pytest.raises(NotSent, match=r"connecting to 10\.0\.0\.1:3128: Connection refused"):
            await desk.platform.download(at("http://inside.example/file"), None)
    cloud.network = ProxiedNetwork(internet, lambda: None)
    async with hosts(cloud, f"{PUBLIC}:80"), open_desk(cloud, allow_insecure=True) as desk:
        await refusal(desk, at("http://inside.example/file"), "refused_address")
        await desk.platform.download(at(f"http://files.example{FILE}"), None)


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(desk: Desk, status: int) -> None:
    script(desk.cloud, *[redirect(f"{FILE}?again", status)] * REDIRECTS, Answer(body=b"there"))
    path = await desk.platform.download(picture(desk.cloud), None)
    assert path.read_bytes() == b"there"
    assert len(file_calls(desk.cloud)) == REDIRECTS + 1


async def test_a_chain_of_redirects_ends(desk: Desk) -> None:
    script(desk.cloud, *[redirect(f"{BASE}{FILE}?secret")] * 10)
    await refusal(desk, picture(desk.cloud), "too_many_redirects")
    assert len(file_calls(desk.cloud)) == REDIRECTS + 1


async def test_a_redirect_to_nowhere_is_an_answer_like_any_other(desk: Desk) -> None:
    script(desk.cloud, Answer(status=302))
    await refusal(desk, picture(desk.cloud), "302")


# How much.


@attrs.define
class Endless:
    """Pieces for ever; it counts how many were taken."""

    piece: bytes = b"x" * 65_536
    taken: int = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.taken += 1
            yield self.piece


async def test_a_size_that_is_told_is_enough_to_refuse(desk: Desk) -> None:
    body = Endless()
    script(desk.cloud, Answer(body=body, headers={"Content-Length": str(10**15)}))
    text = await refusal(desk, picture(desk.cloud), "too_large")
    assert text == "the file is larger than media_max_bytes (20,971,520)"
    assert body.taken < 10


async def test_trap_21_an_endless_answer_is_left_at_the_limit(cloud: Cloud) -> None:
    body, limit = Endless(), 1_000_000
    script(cloud, Answer(body=body))
    async with open_desk(cloud, media_max_bytes=limit) as desk:
        await refusal(desk, picture(cloud), "too_large")
        assert left_behind(desk) == []
    assert body.taken * len(body.piece) < limit + 10 * len(body.piece)


async def test_the_limit_itself_is_not_too_much(cloud: Cloud) -> None:
    async with open_desk(cloud, media_max_bytes=1024) as desk:
        assert (await desk.platform.download(picture(cloud, KB), None)).stat().st_size == 1024
        await refusal(desk, picture(cloud, KB + b"x"), "too_large")


async def test_what_was_told_smaller_than_it_is_is_cut_there(desk: Desk) -> None:
    script(desk.cloud, Answer(body=[b"12345"], headers={"Content-Length": "5"}))
    assert (await desk.platform.download(picture(desk.cloud), None)).read_bytes() == b"12345"


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity"])
async def test_a_compressed_answer_is_refused(desk: Desk, encoding: str) -> None:
    script(desk.cloud, Answer(body=KB, headers={"Content-Encoding": encoding}))
    await refusal(desk, picture(desk.cloud), "compressed")


# What goes wrong.


def left_behind(desk: Desk) -> list[str]:
    folder = desk.platform.api._downloads._files._temporary
    return [] if folder is None else os.listdir(folder)


@pytest.mark.parametrize("status", [403, 404, 410, 204, 206])
async def test_a_host_that_has_no_file_says_so(desk: Desk, status: int) -> None:
    script(desk.cloud, Answer(status=status, body="secret"))
    assert await refusal(desk, picture(desk.cloud), str(status)) == f"the file's host answered {status}"
    assert left_behind(desk) == []


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_host_in_trouble_may_be_asked_again(desk: Desk, status: int) -> None:
    script(desk.cloud, Answer(status=status))
    with pytest.raises(ConnectionLost, match=f"the file's host answered {status}"):
        await desk.platform.download(picture(desk.cloud), None)


@pytest.mark.parametrize("length", [{}, {"Content-Length": "5000"}])
async def test_a_file_that_was_cut_leaves_nothing(desk: Desk, length: dict[str, str]) -> None:
    script(desk.cloud, Answer(body=[KB], ending="swallow", headers=length))
    with pytest.raises(ConnectionLost, match=r"GET http://127\.0\.0\.1:8080: ") as caught:
        await desk.platform.download(picture(desk.cloud), None)
    assert "signature" not in str(caught.value)
    assert left_behind(desk) == []


async def test_a_silent_host_is_left_soon(desk: Desk, autojump_clock: object) -> None:
    script(desk.cloud, Answer(body=[KB], ending="hang"))
    begun = trio.current_time()
    with pytest.raises(ConnectionLost):
        await desk.platform.download(picture(desk.cloud), None)
    assert trio.current_time() - begun == 15
    assert left_behind(desk) == []


async def test_a_slow_host_has_half_a_minute(desk: Desk, autojump_clock: object) -> None:
    script(desk.cloud, Answer(body=Endless(b"x"), pace=1))
    begun = trio.current_time()
    with pytest.raises(ConnectionLost, match="the file was not here within 30 s"):
        await desk.platform.download(picture(desk.cloud), None)
    assert trio.current_time() - begun == 30
    assert left_behind(desk) == []


async def test_a_host_that_never_answers_is_left_too(cloud: Cloud, autojump_clock: object) -> None:
    script(cloud, Answer(ending="hang"))
    begun = trio.current_time()
    async with open_desk(cloud, media_timeout=5) as desk:
        with pytest.raises(ConnectionLost):
            await desk.platform.download(picture(cloud), None)
    assert trio.current_time() - begun == 5


async def test_whoever_changes_his_mind_leaves_nothing(desk: Desk, autojump_clock: object) -> None:
    script(desk.cloud, Answer(body=Endless(KB), pace=0.1))
    with trio.move_on_after(1) as scope:
        await desk.platform.download(picture(desk.cloud), None)
    assert scope.cancelled_caught
    assert left_behind(desk) == []
    await desk.platform.download(picture(desk.cloud), None)  # and holds up nobody


async def test_trouble_with_the_account_is_no_fault_of_the_file(desk: Desk) -> None:
    desk.cloud.gateway.remove_app("dingexampleappkey0001")
    with pytest.raises(AccountRefused):
        await desk.platform.download(picture(desk.cloud), None)


async def test_a_code_that_got_no_answer_can_be_tried_again(desk: Desk, autojump_clock: object) -> None:
    desk.cloud.rest.scripts.hang(DOWNLOAD)
    wanted = picture(desk.cloud)
    with pytest.raises(ConnectionLost):
        await desk.platform.download(wanted, None)
    await desk.platform.download(wanted, None)


async def test_many_wait_for_their_turn(desk: Desk, autojump_clock: object) -> None:
    under_way = most = 0

    def slowly() -> Iterable[bytes]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        yield from [KB] * 5
        under_way -= 1

    wanted: Sequence[Attachment] = [picture(desk.cloud) for _ in range(100)]
    script(desk.cloud, *[Answer(body=slowly(), pace=4) for _ in wanted])
    async with trio.open_nursery() as nursery:
        for each in wanted:
            nursery.start_soon(desk.platform.download, each, None)
    assert most == AT_A_TIME
    assert len(left_behind(desk)) == 100
    assert trio.current_time() > 100 / AT_A_TIME * 20 > 30  # waiting for a turn is not part of the time
