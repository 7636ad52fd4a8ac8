"""The one table of differences between what our client sends and what Feishu's SDKs send, each with its reason.

How long an event took is in no row, nor are tokens and keys of messages: they differ each time.
"""

from __future__ import annotations

from tests.interop.comparing import Difference

NOTHING = "nothing"
ABSENT = "null"

TAKEN = '{"code":200}, biz_rt'
SPACED = '{"code": 200}, biz_rt'
ROUNDED = '{"code":200}, biz_rt, LogID rounded'
NODE_TOAST = '{"code":200,"data":"{"toast":{"type":"info","content":"ok 好"}}"}, biz_rt'
PYTHON_TOAST = '{"code": 200, "data": "{"toast": {"type": "info", "content": "ok 好"}}"}, biz_rt'

COMPACT = "nobody reads the spaces"
EXACT = "a number of 64 bits is not one of floating point: Feishu finds its delivery by it"
OURS_TO_TRY = "the message is stored: to try again is for us, and Feishu would bring it for hours"
FOR_NOBODY = "what nobody handles would come again for hours"
NO_WORDS = "an event has no answer, and nobody reads these words"
HANDLED = "a message of the older schema is one"

NAMED = "we say who we are"
NO_COMPRESSION = "frames are small, and a compressed connection costs memory as long as it is idle"
ONE_CALL = "the next call is hours away"
UNDERSTOOD = "what HTTP/1.1 does anyhow"
PLAIN = "answers of a few bytes are not worth unpacking"
UNASKED = "the server answers in JSON without being asked"
SAID = "the body is JSON"
UTF_8 = "JSON is UTF-8"

_PYTHON = [
    *(
        (f"answer: {name}", TAKEN, SPACED, COMPACT)
        for name in ("message", "early", "fragment_delivered_seq1", "slow_delivery_1", "slow_delivery_2")
    ),
    ("answer: card_action", NODE_TOAST, PYTHON_TOAST, COMPACT),
    ("answer: handler_raises", TAKEN, '{"code": 500}', OURS_TO_TRY),
    ("answer: unregistered_event", TAKEN, '{"code": 500}', FOR_NOBODY),
    ("answer: v1_event", TAKEN, '{"code": 500}', HANDLED),
    ("discovery: header user-agent", "trio-bridge-python/…", "oapi-sdk-python/…", NAMED),
    ("discovery: header connection", "close", "keep-alive", ONE_CALL),
    ("upgrade: header sec-websocket-extensions", ABSENT, "permessage-deflate; client_max_window_bits", NO_COMPRESSION),
    ("upgrade: header user-agent", "trio-bridge", "Python/… websockets/…", NAMED),
    ("token: header content-type", "application/json", ABSENT, SAID),
    *(
        row
        for call in ("discovery", "token", "send", "reply")
        for row in (
            (f"{call}: body", "compact", "with spaces", COMPACT),
            (f"{call}: header accept", ABSENT, "*/*", UNASKED),
            (f"{call}: header accept-encoding", "identity", "gzip, deflate", PLAIN),
        )
    ),
    *(
        row
        for call in ("token", "send", "reply")
        for row in (
            (f"{call}: header connection", ABSENT, "keep-alive", UNDERSTOOD),
            (f"{call}: header user-agent", "trio-bridge", "oapi-sdk-python/…", NAMED),
        )
    ),
    *(
        (f"{call}: header content-type", "application/json", "application/json; charset=utf-8", UTF_8)
        for call in ("send", "reply")
    ),
]

_NODE = [
    *(
        (f"answer: {name}", TAKEN, ROUNDED, EXACT)
        for name in ("message", "fragment_delivered_seq1", "slow_delivery_1", "slow_delivery_2")
    ),
    ("answer: card_action", NODE_TOAST, f"{NODE_TOAST}, LogID rounded", EXACT),
    ("answer: handler_raises", TAKEN, '{"code":500}, biz_rt, LogID rounded', OURS_TO_TRY),
    (
        "answer: unregistered_event",
        TAKEN,
        '{"code":200,"data":""no im.chat.updated_v1 event handle""}, biz_rt, LogID rounded',
        NO_WORDS,
    ),
    ("answer: v1_event", TAKEN, '{"code":200,"data":""no message event handle""}, biz_rt, LogID rounded', NO_WORDS),
    ("discovery: header user-agent", "trio-bridge-python/…", "oapi-node-sdk/…", NAMED),
    ("discovery: header connection", "close", "keep-alive", ONE_CALL),
    ("upgrade: header sec-websocket-extensions", ABSENT, "permessage-deflate; client_max_window_bits", NO_COMPRESSION),
    ("upgrade: header user-agent", "trio-bridge", ABSENT, NAMED),
    *(
        row
        for call in ("discovery", "token", "send", "reply")
        for row in (
            (f"{call}: header accept", ABSENT, "application/json, text/plain, */*", UNASKED),
            (f"{call}: header accept-encoding", "identity", "gzip, compress, deflate, br", PLAIN),
        )
    ),
    *(
        row
        for call in ("token", "send", "reply")
        for row in (
            (f"{call}: header connection", ABSENT, "keep-alive", UNDERSTOOD),
            (f"{call}: header user-agent", "trio-bridge", "oapi-node-sdk/…", NAMED),
        )
    ),
]

MEANT = [Difference(sdk, *row) for sdk, rows in (("python", _PYTHON), ("node", _NODE)) for row in rows]


def meant(sdk: str, *places: str) -> set[Difference]:
    """The differences in these places."""
    return {each for each in MEANT if each.sdk == sdk and each.where.startswith(places)}
