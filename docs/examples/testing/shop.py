import trio_bridge as tb

PRICES = {"tea": 3, "cake": 5}


async def answer(message: tb.Message) -> str | None:
    price = PRICES.get(message.text.lower())
    return None if price is None else f"{message.text} is {price} coins"
