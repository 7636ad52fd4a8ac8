"""The kinds of messages that the robot API sends: values that know their form on the wire."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping
from typing import ClassVar

import attrs

from ...bots.media.formats import ending_of
from ...errors import RequestFailed
from ...wire.jsontext import encodable
from .text import PARAM_BYTES, title_of


@attrs.frozen
class Kind(abc.ABC):
    """A message of one kind, in one piece."""

    msg_key: ClassVar[str]
    """DingTalk's name of the kind."""

    @abc.abstractmethod
    def fields(self) -> Mapping[str, str]:
        """The parameters that DingTalk wants with it."""

    def for_api(self) -> dict[str, str]:
        """What of it goes into a call: the parameters are JSON text inside JSON.

        Raises:
          RequestFailed: it is longer than DingTalk takes, or something that it can't do without is empty.
        """
        fields = {name: encodable(value) for name, value in self.fields().items()}
        if missing := [name for name, value in fields.items() if not value.strip()]:
            raise RequestFailed(f"{self.msg_key}: {', '.join(missing)} must not be empty", code="empty")
        param = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        if len(param.encode()) > PARAM_BYTES:
            raise RequestFailed(f"{self.msg_key}: more than {PARAM_BYTES:,} bytes", code="too_large")
        return {"msgKey": self.msg_key, "msgParam": param}


@attrs.frozen
class Text(Kind):
    """Plain text. One that is too long for a message is sent as several."""

    msg_key = "sampleText"

    text: str

    def fields(self) -> Mapping[str, str]:
        return {"content": self.text}


@attrs.frozen
class Markdown(Kind):
    """Text in DingTalk's markdown. One that is too long for a message is sent as several.

    The title is what a notification shows: if none is given, the beginning of the text.
    """

    msg_key = "sampleMarkdown"

    text: str
    title: str = ""

    def fields(self) -> Mapping[str, str]:
        return {"title": title_of(self.text, self.title), "text": self.text}


@attrs.frozen
class Link(Kind):
    """A link with a text, and with a picture if there is one."""

    msg_key = "sampleLink"

    text: str
    url: str
    title: str = ""
    picture_url: str = ""

    def fields(self) -> Mapping[str, str]:
        fields = {"title": title_of(self.text, self.title), "text": self.text, "messageUrl": self.url}
        return {**fields, "picUrl": self.picture_url} if self.picture_url else fields


@attrs.frozen
class ActionCard(Kind):
    """Markdown with one button below it, which opens a page. Not a card that grows or has buttons that call back."""

    msg_key = "sampleActionCard"

    text: str
    button: str
    url: str
    title: str = ""

    def fields(self) -> Mapping[str, str]:
        title = title_of(self.text, self.title)
        return {"title": title, "text": self.text, "singleTitle": self.button, "singleURL": self.url}


@attrs.frozen
class Image(Kind):
    """A picture, by its URL or by the media id that an upload gave."""

    msg_key = "sampleImageMsg"

    photo: str

    def fields(self) -> Mapping[str, str]:
        return {"photoURL": self.photo}


@attrs.frozen
class File(Kind):
    """A file to open or keep. People see by the ending of its name what it is."""

    msg_key = "sampleFile"

    media_id: str
    name: str

    def fields(self) -> Mapping[str, str]:
        return {"mediaId": self.media_id, "fileName": self.name, "fileType": ending_of(self.name) or "file"}


@attrs.frozen
class Audio(Kind):
    """A recording to listen to. It was uploaded as audio."""

    msg_key = "sampleAudio"

    media_id: str
    seconds: float

    def fields(self) -> Mapping[str, str]:
        return {"mediaId": self.media_id, "duration": str(max(1, round(self.seconds * 1000)))}


@attrs.frozen
class Video(Kind):
    """A video in MP4. ``cover`` is the media id of the picture that stands for it."""

    msg_key = "sampleVideo"

    media_id: str
    seconds: float
    cover: str

    def fields(self) -> Mapping[str, str]:
        seconds = str(max(1, round(self.seconds)))
        return {"duration": seconds, "videoMediaId": self.media_id, "videoType": "mp4", "picMediaId": self.cover}
