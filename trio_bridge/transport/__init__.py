"""Bytes and messages over the network. The only importers of websockets, trio_websocket, httpx, httpcore and h11.

Errors of those libraries and of the operating system are translated here and go no further.
"""
