"""Calls by the official Python SDK: ``rest.py URL APP_ID APP_SECRET CHAT MESSAGE``. It says what each came to."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import lark_oapi as lark
from handlers import say
from lark_oapi.api.cardkit.v1 import (
    ContentCardElementRequest,
    ContentCardElementRequestBody,
    CreateCardRequest,
    CreateCardRequestBody,
    SettingsCardRequest,
    SettingsCardRequestBody,
)
from lark_oapi.api.im.v1 import (
    CreateFileRequest,
    CreateFileRequestBody,
    CreateImageRequest,
    CreateImageRequestBody,
    CreateMessageRequest,
    CreateMessageRequestBody,
    DeleteMessageRequest,
    GetMessageRequest,
    GetMessageResourceRequest,
    PatchMessageRequest,
    PatchMessageRequestBody,
    ReplyMessageRequest,
    ReplyMessageRequestBody,
    UpdateMessageRequest,
    UpdateMessageRequestBody,
)

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (10).to_bytes(4, "big") * 2 + b"x" * 20
OLD_CARD = {"config": {"update_multi": True}, "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": "1"}}]}
CARD = {
    "schema": "2.0",
    "config": {"streaming_mode": True, "update_multi": True},
    "body": {"elements": [{"tag": "markdown", "element_id": "md", "content": ""}]},
}


def written(content: Any) -> str:
    """What stands in a message, as both SDKs' users write it here."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def told(call: str, response: Any) -> Any:
    """The data of the response, once it is said what it came to."""
    say(call=call, code=response.code, msg=response.msg)
    return getattr(response, "data", None)


def main(url: str, app_id: str, app_secret: str, chat: str, asked: str) -> None:
    client = lark.Client.builder().app_id(app_id).app_secret(app_secret).domain(url).build()
    messages, cards = client.im.v1.message, client.cardkit.v1

    def send(call: str, kind: str, content: Any, uuid: str) -> str:
        body = CreateMessageRequestBody.builder().receive_id(chat).msg_type(kind).content(written(content))
        request = CreateMessageRequest.builder().receive_id_type("chat_id").request_body(body.uuid(uuid).build())
        return told(call, messages.create(request.build())).message_id

    sent = send("send", "text", {"text": "你好 hi"}, "u-1")
    say(same=send("send again", "text", {"text": "你好 hi"}, "u-1") == sent)

    answer = ReplyMessageRequestBody.builder().msg_type("text").content(written({"text": "pong"})).uuid("u-2").build()
    told("reply", messages.reply(ReplyMessageRequest.builder().message_id(asked).request_body(answer).build()))

    edit = UpdateMessageRequestBody.builder().msg_type("text").content(written({"text": "edited"})).build()
    told("edit", messages.update(UpdateMessageRequest.builder().message_id(sent).request_body(edit).build()))
    seen = told("get", messages.get(GetMessageRequest.builder().message_id(sent).build()))
    say(seen=seen.items[0].body.content)

    send("send post", "post", {"zh_cn": {"title": "t", "content": [[{"tag": "text", "text": "a post"}]]}}, "u-6")
    shown = send("send card", "interactive", OLD_CARD, "u-3")
    other = written(OLD_CARD).replace('"1"', '"2"')
    patch = PatchMessageRequestBody.builder().content(other).build()
    told("patch", messages.patch(PatchMessageRequest.builder().message_id(shown).request_body(patch).build()))

    picture = CreateImageRequestBody.builder().image_type("message").image(io.BytesIO(PICTURE)).build()
    key = told("image", client.im.v1.image.create(CreateImageRequest.builder().request_body(picture).build())).image_key
    held = send("send image", "image", {"image_key": key}, "u-4")
    wanted = GetMessageResourceRequest.builder().message_id(held).file_key(key).type("image").build()
    loaded = client.im.v1.message_resource.get(wanted)
    told("download", loaded)
    say(same=loaded.file.read() == PICTURE)
    document = CreateFileRequestBody.builder().file_type("pdf").file_name("报告.pdf").file(io.BytesIO(b"%PDF-1"))
    told("file", client.im.v1.file.create(CreateFileRequest.builder().request_body(document.build()).build()))

    entity = CreateCardRequestBody.builder().type("card_json").data(written(CARD)).build()
    card = told("card", cards.card.create(CreateCardRequest.builder().request_body(entity).build())).card_id
    send("show card", "interactive", {"type": "card", "data": {"card_id": card}}, "u-5")
    for sequence, text in enumerate(("Hel", "Hello"), 1):
        words = ContentCardElementRequestBody.builder().content(text).sequence(sequence).uuid(f"c-{sequence}").build()
        request = ContentCardElementRequest.builder().card_id(card).element_id("md").request_body(words).build()
        told("stream", cards.card_element.content(request))
    off = written({"config": {"streaming_mode": False}})
    end = SettingsCardRequestBody.builder().settings(off).sequence(3).uuid("c-3").build()
    told("settings", cards.card.settings(SettingsCardRequest.builder().card_id(card).request_body(end).build()))

    who = lark.BaseRequest.builder().http_method(lark.HttpMethod.GET).uri("/open-apis/bot/v3/info")
    told("bot", client.request(who.token_types({lark.AccessTokenType.TENANT}).build()))
    told("delete", messages.delete(DeleteMessageRequest.builder().message_id(sent).build()))
    say(done=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
