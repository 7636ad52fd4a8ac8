"""What a call says, and whether it is Feishu that calls. No input or output, and no clock.

The order is the rule:

1. With an encrypt key a call proves that its caller knows it, by a signature over the very bytes that came, and that it
   is of now. Before that nothing in it is read.
2. One call needs no signature: the encrypted question whether this address is ours, with the right token. All others
   without one get the same refusal, whatever is in them, or the answers would tell how to forge an encrypted text.
3. Then it has to be JSON, encrypted or not, with the token of our app, about our app.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ....errors import ConfigError
from ....wire.jsontext import parse
from ..config import Feishu
from ..events.envelope import Envelope, read_envelope
from .crypto import Undecryptable, decrypt
from .signature import is_same, is_signed, is_timely

TIMESTAMP: Final = b"x-lark-request-timestamp"
NONCE: Final = b"x-lark-request-nonce"
SIGNATURE: Final = b"x-lark-signature"
PROOF: Final = (TIMESTAMP, NONCE, SIGNATURE)

LARGEST_QUESTION: Final = 8192
"""Bytes of the question whether this address is ours: who proves nothing has nothing larger decrypted."""

Headers = Mapping[bytes, bytes]
"""By their names in lower case."""


class CallRefused(Exception):
    """The call is answered with ``status`` and goes no further. ``reason`` is for our log, not for the caller."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@attrs.frozen(kw_only=True)
class Keys:
    """By what the calls of one app are known: its secrets as they are now."""

    app_id: str
    verification_token: str = attrs.field(repr=False)
    encrypt_key: str = attrs.field(repr=False)
    """Empty where the account does without."""
    window: float

    @classmethod
    def of(cls, config: Feishu) -> Keys:
        """As they are now.

        Raises:
          ConfigError: one can't be read, or is not there and nothing says that this is meant.
        """
        token, key = config.verification_token, config.encrypt_key
        if token is None or (key is None and not config.allow_unencrypted):
            raise ConfigError("verification_token and encrypt_key: expected both")
        return cls(
            app_id=config.app_id,
            verification_token=token.read(),
            encrypt_key="" if key is None else key.read(),
            window=config.webhook_window,
        )


@attrs.frozen
class Question:
    """Feishu asks whether this address is ours: the answer repeats the challenge."""

    challenge: str
    encrypted: bool


@attrs.frozen
class Called:
    """Feishu tells of an event."""

    envelope: Envelope
    payload: Mapping[str, Any] = attrs.field(repr=False)
    text: str = attrs.field(repr=False)
    """The same as it was before it was encrypted."""


def read_call(keys: Keys, headers: Headers, body: bytes, now: float) -> Question | Called:
    """What a call says. ``now`` is the time of the day, in seconds.

    Raises:
      CallRefused: it is not Feishu's, or not understood.
    """
    if not keys.encrypt_key:
        return _understand(keys, body)
    proof = [headers[name] for name in PROOF if name in headers]
    if len(proof) == len(PROOF):
        timestamp, nonce, signature = proof
        if not is_timely(timestamp, now, keys.window):
            raise CallRefused(401, "it was signed at another time than now")
        if not is_signed(body, timestamp, nonce, signature, keys.encrypt_key):
            raise CallRefused(401, "it is signed with another encrypt_key, or was changed on its way")
        return _understand(keys, body)
    if not proof and len(body) <= LARGEST_QUESTION:
        try:
            said = _understand(keys, body)
        except CallRefused:
            said = None
        if isinstance(said, Question) and said.encrypted:
            return said
    raise CallRefused(401, "it is not signed, and no question that was encrypted with encrypt_key")


def _understand(keys: Keys, body: bytes) -> Question | Called:
    text, payload = _json_object(body)
    encrypted = "encrypt" in payload
    if encrypted:
        text, payload = _json_object(_decrypted(keys, payload["encrypt"]))
    if payload.get("type") == "url_verification":
        token, challenge = payload.get("token"), payload.get("challenge")
        _check_token(keys, token if isinstance(token, str) else "")
        if not isinstance(challenge, str):
            raise CallRefused(400, "its challenge is no text")
        return Question(challenge, encrypted)
    envelope = read_envelope(payload)
    if envelope is None:
        raise CallRefused(400, "it is no event")
    _check_token(keys, envelope.token)
    if envelope.app_id not in ("", keys.app_id):
        raise CallRefused(403, "it is about another app")
    return Called(envelope, payload, text)


def _json_object(data: bytes | str) -> tuple[str, dict[str, Any]]:
    try:
        text = data if isinstance(data, str) else data.decode()
        value = parse(text)
    except ValueError:
        raise CallRefused(400, "it is no JSON") from None
    if not isinstance(value, dict):
        raise CallRefused(400, "it is no JSON object")
    return text, value


def _decrypted(keys: Keys, encrypted: Any) -> str:
    if not keys.encrypt_key:
        raise CallRefused(400, "it is encrypted, and encrypt_key is not set")
    try:
        if isinstance(encrypted, str):
            return decrypt(keys.encrypt_key, encrypted)
    except Undecryptable:
        pass
    raise CallRefused(400, "it can't be decrypted")


def _check_token(keys: Keys, token: str) -> None:
    if not is_same(token, keys.verification_token):
        raise CallRefused(403, "it has another verification_token")
