"""The frame class of the official Python SDK: what it makes of each line of hex, and how it writes that again."""

from __future__ import annotations

import sys

from handlers import say
from lark_oapi.ws.pb.pbbp2_pb2 import Frame


def main() -> None:
    for line in sys.stdin:
        frame = Frame()
        frame.ParseFromString(bytes.fromhex(line))
        fields = {field.name: value for field, value in frame.ListFields() if field.name not in ("headers", "payload")}
        say(
            complete=frame.IsInitialized(),
            hex=frame.SerializeToString().hex(),
            fields=fields,
            headers=[[header.key, header.value] for header in frame.headers],
            payload=frame.payload.hex(),
        )


if __name__ == "__main__":
    main()
