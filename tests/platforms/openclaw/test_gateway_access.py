"""Who is let in by our gateway, who is not, and what they are told: held against what two real ones did."""

import re
from functools import cache

import pytest

from tests.platforms.openclaw.replaying import PERSONALITIES, Replay, recordings
from trio_bridge.platforms.openclaw.gateway.connection import Ending
from trio_bridge.platforms.openclaw.gateway.gateway import Gateway
from trio_bridge.platforms.openclaw.gateway.settings import Settings

TOKEN, PASSWORD = "gateway-token-0123456789abcdef", "gateway-password-0123456789"

# Each group stands for one life of the recorded gateways, which had a token, a password, or nothing.
LIVES = {
    "token": ("handshake/", "edge/", "pairing/", "device-token/", "rate-limit/"),
    "password": ("handshake/pw-",),
    "none": ("handshake/none-",),
}
OTHER_LIVES = {"token": ("handshake/pw-", "handshake/none-"), "password": (), "none": ()}

# What every gateway makes up for itself, and what it says of itself beside what is compared.
MADE_UP = {"requestId", "deviceToken", "token", "gatewayBuildId", "nonce", "retryAfterMs"}
MADE_UP |= {"ts", "issuedAtMs", "createdAtMs", "approvedAtMs", "rotatedAtMs", "revokedAtMs", "updatedAtMs"}
UNSAID = {"recoveryScope", "recoveryMigrationAllowed", "deviceFamily"}  # 4 guesses the family of a node

# These are answered by the gateway's rooms, or with what lies on its disk: only that they are answered counts here.
ANSWERED_ELSEWHERE = {"sessions.list", "skills.search", "config.get", "health", "gateway.identity.get"}


def recordings_of(release, life):
    return [each for each in recordings(release, *LIVES[life]) if not each.case.startswith(OTHER_LIVES[life] or "-")]


@cache
def replayed(release, life):
    settings = Settings(protocol=PERSONALITIES[release], auth=life, token=TOKEN, password=PASSWORD)
    replay = Replay(Gateway(settings))
    replay.play(recordings_of(release, life))
    return replay.all


CASES = [
    (release, life, recording.case)
    for release in PERSONALITIES
    for life in LIVES
    for recording in recordings_of(release, life)
]


def plain(value):
    """Without what every gateway makes up."""
    if isinstance(value, dict):
        return {name: "..." if name in MADE_UP else plain(each) for name, each in value.items() if name not in UNSAID}
    return [plain(each) for each in value] if isinstance(value, list) else value


def essence(frame, method):
    payload = frame.get("payload")
    if method == "connect" and payload:
        return {
            "protocol": payload["protocol"],
            "auth": plain(payload["auth"]),
            "authMode": payload["snapshot"].get("authMode"),
            "sessionDefaults": payload["snapshot"]["sessionDefaults"],
        }
    if method == "device.pair.list" and payload:
        return plain(payload["pending"])  # of those that are paired most were left out of the recording
    if method in ANSWERED_ELSEWHERE and frame["ok"]:
        return frame["ok"], frame["id"]
    numbered = {**frame, "seq": "..."} if "seq" in frame else frame  # the recorded ones told of their health, too
    return plain(numbered)


def close_of(ending):
    """How a connection ended, with as much of an id as was told, whatever it was."""
    if ending is None:
        return None
    text, found, own_id = ending.reason.partition("requestId: ")
    return Ending(ending.code, f"{text}{found}{re.sub('[-0-9a-f]', '.', own_id)}")


@pytest.mark.parametrize(("release", "life", "case"), CASES)
def test_a_recorded_client_gets_what_it_got(release, life, case):
    one = replayed(release, life)[case]
    methods = {
        line["frame"].get("id"): line["frame"].get("method")
        for line in one.recording.lines
        if line["dir"] == "send" and "frame" in line
    }
    for theirs, ours in one.compared():
        method = methods.get(theirs.get("id"))
        if method != "skills.search":
            assert essence(ours, method) == essence(theirs, method)
    recorded = close_of(one.recording.close)
    left_by_itself = recorded.code == 1000 and len(one.recording.received) > 1
    assert close_of(one.ended) == (None if left_by_itself else recorded)
