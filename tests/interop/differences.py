"""The one table of differences between what our client sends and what the official SDKs send, each with its reason."""

from __future__ import annotations

from tests.interop.comparing import Difference

NOTHING = "nothing"
ABSENT = "null"

TAKEN = '200 OK, id, {"response":{"success":true}}'
EVENT_TAKEN = '200 OK, id, {"status":"SUCCESS","message":"OK"}'
ECHO = "200 OK, id, echo"
NOT_READ = "400 data is not a JSON object, id, {}"
NOT_SUPPORTED = "404 topic not supported, id, echo"
CARD_UNCHANGED = (
    '200 OK, id, {"response":{"cardUpdateOptions":{"updateCardDataByKey":true,"updatePrivateDataByKey":true},'
    '"cardData":{"cardParamMap":{}},"userPrivateData":{"cardParamMap":{}}}}'
)
NO_RESULT = '200 OK, id, {"response":{"body":"","headers":{},"statusLine":{"code":200,"reasonPhrase":"OK"}}}'

A_BOT = "the answer is the bot's own; ours has no handler for it"
BY_ID = "an answer that names no id tells the server nothing"
DEADLY = "one frame that can't be read must not end anything"
REFUSED = "the code for data that can't be read; silence would bring it back, 200 would claim that it was read"
SAID = "the code for a topic that nobody serves; silence would bring it back"
VERBATIM = "the server gets back the very bytes that it sent, whatever they are"
WORDING = "the server does not look at message and data of a robot's acknowledgement; ours are those of the Node SDK"

NAMED = "we say who we are"
NO_COMPRESSION = "frames are small, and a compressed connection costs memory as long as it is idle"
ONE_CALL = "the next call is hours away"
PLAIN = "answers of a few bytes are not worth unpacking"
UNASKED = "the server answers in JSON without being asked"
ALONE = "whoever is alone with the bot need not be mentioned"
SEEN = "a mention must stand in the text as well to be seen"

_PYTHON = [
    ("answer: message", TAKEN, '200 , id, {"response":"OK"}', WORDING),
    ("answer: message", TAKEN, "200 ok, id, echo, written anew", WORDING),
    ("answer: message", TAKEN, NOTHING, "numbers and objects where text was expected do not make a message unreadable"),
    ("answer: message", NOTHING, '200 , no id, {"response":"OK"}', BY_ID),
    ("answer: event", EVENT_TAKEN, "200 OK, id, echo, written anew", "the documented answer is a status"),
    (
        "answer: event",
        EVENT_TAKEN,
        "200 OK, no id, echo, written anew",
        "the id is there, below `header` instead of `headers`",
    ),
    ("answer: event", EVENT_TAKEN, NOTHING, "an event that can't be read would come back for ever"),
    ("answer: card", CARD_UNCHANGED, '200 , id, {"response":{"cardData":{"cardParamMap":{"a":"1"}}}}', A_BOT),
    (
        "answer: graph",
        NO_RESULT,
        '200 , id, {"response":{"body":"{\\"ok\\": true}","headers":{"Content-Type":"application/json"},'
        '"statusLine":{"code":200,"reasonPhrase":"OK"}}}',
        A_BOT,
    ),
    ("answer: ping", ECHO, "200 OK, id, echo, written anew", VERBATIM),
    ("answer: ping", ECHO, NOTHING, VERBATIM),
    ("answer: ping", NOTHING, "200 OK, no id, echo, written anew", BY_ID),
    ("answer: notice", ECHO, "200 OK, id, echo, written anew", VERBATIM),
    (
        "answer: disconnect",
        NOTHING,
        "200 OK, id, echo, written anew, closes with 1000",
        "we leave when the next one is open",
    ),
    ("answer: disconnect", NOTHING, "200 OK, no id, echo, written anew, closes with 1000", "the same"),
    ("answer: unknown_topic", NOT_SUPPORTED, NOTHING, SAID),
    ("answer: broken", NOT_READ, '200 , id, {"response":"OK"}', REFUSED),
    ("answer: broken", NOT_READ, NOTHING, REFUSED),
    ("answer: broken", NOTHING, "nothing, closes with 1011", DEADLY),
    ("open: ua", "trio-bridge-python/…", "dingtalk-sdk-python/…-union", NAMED),
    ("open: localIp", ABSENT, "…", "the server need not know where in our network we are; the field is optional"),
    ("open: header connection", "close", "keep-alive", ONE_CALL),
    ("open: header accept-encoding", "identity", "gzip, deflate", PLAIN),
    (
        "open: header user-agent",
        "trio-bridge",
        "DingTalkStream/… SDK/… Python/… (+https://github.com/open-dingtalk/dingtalk-stream-sdk-python)",
        NAMED,
    ),
    ("upgrade: header sec-websocket-extensions", ABSENT, "permessage-deflate; client_max_window_bits", NO_COMPRESSION),
    ("upgrade: header user-agent", "trio-bridge", "Python/… websockets/…", NAMED),
    ("reply: at", ABSENT, '{"atUserIds":["staff0001"]}', ALONE),
    ("group reply: at", '{"atUserIds":["staff0001"],"isAtAll":false}', '{"atUserIds":["staff0001"]}', "as documented"),
    ("group reply: text", '{"content":"@staff0001 pong"}', '{"content":"pong"}', SEEN),
    ("reply: header accept", ABSENT, "*/*", UNASKED),
    ("reply: header accept-encoding", "identity", "gzip, deflate", PLAIN),
    ("reply: header connection", ABSENT, "keep-alive", "what HTTP/1.1 does anyhow"),
    ("reply: header user-agent", "trio-bridge", "python-requests/…", NAMED),
]

_NODE = [
    ("answer: message", TAKEN, NOTHING, "the SDK has no name for the topic of hosted robots"),
    ("answer: message", NOTHING, "nothing, its process ends", DEADLY),
    ("answer: event", EVENT_TAKEN, "nothing, its process ends", DEADLY),
    ("answer: card", CARD_UNCHANGED, '200 OK, id, {"cardData":{"cardParamMap":{"a":"1"}}}', A_BOT),
    (
        "answer: graph",
        NO_RESULT,
        '200 OK, id, {"response":{"statusLine":{"code":200,"reasonPhrase":"OK"},"headers":{},"body":"{}"}}',
        A_BOT,
    ),
    (
        "answer: ping",
        ECHO,
        "200 OK, all headers, echo",
        "the server knows its headers; the documented answer has these two",
    ),
    ("answer: ping", NOTHING, "200 OK, all headers, echo", BY_ID),
    ("answer: notice", ECHO, NOTHING, "an answer does no harm, and a notice that wanted one might come back"),
    ("answer: unknown_topic", NOT_SUPPORTED, NOTHING, SAID),
    ("answer: broken", NOT_READ, TAKEN, REFUSED),
    ("answer: broken", NOTHING, '200 OK, no id, {"status":"SUCCESS","message":"OK"}', BY_ID),
    ("answer: broken", NOTHING, "nothing, its process ends", DEADLY),
    ("open: ua", "trio-bridge-python/…", "", NAMED),
    (
        "open: subscriptions",
        '[{"type":"CALLBACK","topic":"/v1.0/im/bot/messages/get"}]',
        '[{"type":"EVENT","topic":"*"},{"type":"CALLBACK","topic":"/v1.0/im/bot/messages/get"}]',
        "we subscribe to what somebody handles; the SDK to all events, always",
    ),
    ("open: header connection", "close", "keep-alive", ONE_CALL),
    ("open: header accept-encoding", "identity", "gzip, compress, deflate, br", PLAIN),
    ("open: header user-agent", "trio-bridge", "axios/…", NAMED),
    ("upgrade: header sec-websocket-extensions", ABSENT, "permessage-deflate; client_max_window_bits", NO_COMPRESSION),
    ("upgrade: header user-agent", "trio-bridge", ABSENT, NAMED),
    ("reply: at", ABSENT, '{"atUserIds":["staff0001"],"isAtAll":false}', ALONE),
    ("group reply: text", '{"content":"@staff0001 pong"}', '{"content":"pong"}', SEEN),
    ("reply: header accept", ABSENT, "application/json, text/plain, */*", UNASKED),
    ("reply: header accept-encoding", "identity", "gzip, compress, deflate, br", PLAIN),
    ("reply: header connection", ABSENT, "keep-alive", "what HTTP/1.1 does anyhow"),
    ("reply: header user-agent", "trio-bridge", "axios/…", NAMED),
    ("reply: header x-acs-dingtalk-access-token", ABSENT, "…", "a webhook needs no token, and should not see ours"),
]

MEANT = [Difference(sdk, *row) for sdk, rows in (("python", _PYTHON), ("node", _NODE)) for row in rows]
