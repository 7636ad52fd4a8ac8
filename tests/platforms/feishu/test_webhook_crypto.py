"""What can be decrypted, and that nobody learns why something can't."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from tests.platforms.feishu.calls import IV, KEY, seal
from trio_bridge.platforms.feishu.webhook.crypto import Undecryptable, decrypt


def raw(data: bytes) -> str:
    """Whole blocks as they are, with whatever stands in the place of the padding."""
    encryptor = Cipher(algorithms.AES(hashlib.sha256(KEY.encode()).digest()), modes.CBC(IV)).encryptor()
    return b64encode(IV + encryptor.update(data) + encryptor.finalize()).decode()


@given(st.text())
def test_what_was_encrypted_is_what_is_read(text: str) -> None:
    assert decrypt(KEY, seal(text)) == text


@given(st.text() | st.binary().map(lambda data: b64encode(data).decode()))
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(Undecryptable):
        decrypt(KEY, text)


@pytest.mark.parametrize("size", [1, 15, 16])
def test_each_byte_of_the_padding_counts(size: int) -> None:
    good = bytes([65]) * (32 - size) + bytes([size]) * size
    assert decrypt(KEY, raw(good)) == "A" * (32 - size)
    for place in range(32 - size, 32):
        with pytest.raises(Undecryptable):
            decrypt(KEY, raw(good[:place] + b"B" + good[place + 1 :]))


@pytest.mark.parametrize("size", [0, 17, 32], ids=str)
def test_a_padding_of_no_block_is_none(size: int) -> None:
    with pytest.raises(Undecryptable):
        decrypt(KEY, raw(bytes([size]) * 32))


@pytest.mark.parametrize("junk", ["\n", " ", "!", "=", "é"], ids=ascii)
def test_between_the_letters_there_is_nothing(junk: str) -> None:
    sealed = seal("hello")
    with pytest.raises(Undecryptable):
        decrypt(KEY, sealed[:8] + junk + sealed[8:])


def test_what_is_no_whole_number_of_blocks_is_refused() -> None:
    data = b64decode(seal("hello"))
    for size in range(len(data)):
        with pytest.raises(Undecryptable):
            decrypt(KEY, b64encode(data[:size]).decode())
