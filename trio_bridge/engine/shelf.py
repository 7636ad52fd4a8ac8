"""Deliveries that wait and were never claimed: the newest part of the inbox.

Of all of them it is known that a claim would be their first; as many as memory may hold are kept whole, so that the
store need not read them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..wire.protocol import Delivery


class Shelf:
    """What was stored in this life of the account and has not been claimed since, by its ``seq``."""

    def __init__(self, size: int, size_bytes: int) -> None:
        self._size = size
        self._bytes_left = size_bytes
        self._kept: dict[int, Delivery] = {}
        self._newest_known = 0
        self._worn: set[int] = set()

    def open(self, recovered: Iterable[int]) -> None:
        """What an earlier life of the account left may have been claimed before."""
        self._newest_known = max(recovered, default=0)

    def add(self, seq: int, delivery: Delivery) -> None:
        """It was stored just now."""
        size = len(delivery.data)
        if len(self._kept) < self._size and size <= self._bytes_left:
            self._kept[seq] = delivery
            self._bytes_left -= size

    def is_fresh(self, seq: int) -> bool:
        """Whether a claim would be its first."""
        return seq > self._newest_known and seq not in self._worn

    def take(self, seqs: Collection[int]) -> dict[int, Delivery]:
        """Those that are kept whole. They are being claimed, and are kept no longer."""
        kept = self._kept
        self._worn.difference_update(seqs)
        taken = {seq: kept.pop(seq) for seq in seqs if seq in kept}
        self._bytes_left += sum(len(delivery.data) for delivery in taken.values())
        return taken

    def wear(self, seq: int) -> None:
        """It waits again: the next claim will not be its first."""
        self._worn.add(seq)
