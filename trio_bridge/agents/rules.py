"""Which messages a rule is about, and which of several rules is the one for a message.

1. The nearest rule decides: one for this very peer, then for every peer (``*``), for the kind of the conversation, for
   the account, for the platform.
2. Of equally near rules the one that was written first decides.
3. A group is known by its conversation's id, never by who speaks there; a person by every id that the platform has for
   them. Ids are compared as they are, case included.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, TypeVar, get_args

import attrs

from ..errors import ConfigError
from ..lists import text_or_none
from ..messages import ConversationKind, Message

EVERYBODY: Final = "*"
KINDS: Final[tuple[ConversationKind, ...]] = get_args(ConversationKind)


@attrs.frozen(kw_only=True)
class Rule:
    """Messages, by where they were said and by whom. What is left out is not asked about."""

    account: str | None = None
    """The name of the account that received the message."""
    platform: str | None = None
    """The platform of that account."""
    peer_kind: ConversationKind | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.in_(KINDS))
    )
    """``direct`` or ``group``."""
    peer_id: str | None = attrs.field(default=None, converter=text_or_none)
    """A group by its conversation id, or whoever speaks in a direct conversation, by staff id or sender id; ``*`` is
    everybody."""

    def __attrs_post_init__(self) -> None:
        if self.peer_id == "":
            raise ConfigError('peer_id: expected an id, or "*"')

    @property
    def is_exact(self) -> bool:
        """Whether it is about one peer."""
        return self.peer_id not in (None, EVERYBODY)

    @property
    def distance(self) -> int:
        """How far it is from one message: what decides between rules that are all about it."""
        asked = (self.is_exact, self.peer_id, self.peer_kind, self.account, self.platform)
        return next((index for index, value in enumerate(asked) if value), len(asked))

    @property
    def kinds(self) -> tuple[ConversationKind, ...]:
        """The kinds of conversation that it is about."""
        return KINDS if self.peer_kind is None else (self.peer_kind,)

    def is_about(self, account: str, platform: str) -> bool:
        """Whether messages of an account can be meant."""
        return self.account in (None, account) and self.platform in (None, platform)


R = TypeVar("R", bound=Rule)


@attrs.frozen
class Plan(Generic[R]):
    """What rules come to in one account. A rule that is not in it never decides there."""

    exact: dict[tuple[ConversationKind, str], tuple[int, R]] = attrs.Factory(dict)
    """By peer. The number is the rule's place among all: one person may be known by several ids."""
    rest: dict[ConversationKind, R] = attrs.Factory(dict)
    """For every other peer."""

    def rule_for(self, message: Message) -> R | None:
        """The rule that decides, if any does."""
        conversation, sender = message.conversation, message.sender
        kind = conversation.kind
        if self.exact:
            peers = (conversation.id,) if kind == "group" else (conversation.id, sender.id, *sender.known_as)
            found = [self.exact[kind, peer] for peer in peers if (kind, peer) in self.exact]
            if found:
                return min(found, key=lambda each: each[0])[1]
        return self.rest.get(kind)

    @property
    def is_complete(self) -> bool:
        """Whether there is a rule for everything that can be said."""
        return len(self.rest) == len(KINDS)

    def rules(self) -> list[R]:
        """Those that may decide, each once, the nearest first."""
        every = [rule for _, rule in self.exact.values()] + list(self.rest.values())
        return list({id(rule): rule for rule in every}.values())


def plan_for(account: str, platform: str, rules: Iterable[R]) -> Plan[R]:
    """What ``rules``, in the order in which they were written, come to in an account."""
    plan: Plan[R] = Plan()
    meant = [(place, rule) for place, rule in enumerate(rules) if rule.is_about(account, platform)]
    for place, rule in sorted(meant, key=lambda each: each[1].distance):  # stable: equally near ones stay in order
        for kind in rule.kinds:
            if rule.is_exact:
                plan.exact.setdefault((kind, rule.peer_id or ""), (place, rule))
            else:
                plan.rest.setdefault(kind, rule)
    return plan
