import os

import shop
import trio

import trio_bridge as tb


async def main() -> None:
    account = tb.DingTalk(
        name="shop",
        client_id=os.environ["DINGTALK_CLIENT_ID"],
        client_secret=tb.Secret(env="DINGTALK_SECRET"),
        endpoint=os.environ["DINGTALK_ENDPOINT"],
        oapi_endpoint=os.environ["DINGTALK_ENDPOINT"],
    )
    async with tb.open_bridge([account], shop.answer, store="sqlite:shop.db"):
        await trio.sleep_forever()


trio.run(main)
