import json
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from trio_bridge.platforms.dingtalk.gateway.frames import ROBOT, encode, letter_of
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.ledger import Ledger, Summary
from trio_bridge.platforms.dingtalk.gateway.model import Rules

APPS = ["dingexampleappkey0001", "dingexampleappkey0002"]
USER, GROUP = ("user", "staff0001"), ("group", "cidGROUP")


def robot(number, *, group=False):
    return letter_of(
        {
            "msgId": f"msg{number}",
            "conversationId": "cidGROUP" if group else "cidDM",
            "conversationType": "2" if group else "1",
            "senderStaffId": "staff0001",
            "sessionWebhook": f"http://oapi.example.invalid/robot/sendBySession?session=s{number}",
        }
    )


def delivered(ledger, letter, client_id=APPS[0]):
    entry = ledger.pushed(client_id, letter, 0)
    ledger.delivered(entry, "c1", f"id{entry.pushed.number}", 0)
    return entry.pushed


def test_a_reply_by_rest_belongs_to_the_oldest_unanswered_message_of_its_conversation():
    ledger = Ledger()
    first, second, elsewhere = (delivered(ledger, robot(n, group=n == 2)) for n in range(3))
    assert ledger.replied_to_place(APPS[0], USER, "a", 1) == first
    assert ledger.replied_to_place(APPS[0], USER, "b", 2) == second
    assert ledger.replied_to_place(APPS[0], USER, "c", 3) == second
    assert ledger.replied_to_place(APPS[0], GROUP, "d", 4) == elsewhere
    assert [reply.text for reply in ledger.record(second).replies] == ["b", "c"]
    assert [reply.via for reply in ledger.record(elsewhere).replies] == ["group"]
    assert ledger.replies_per_message() == {1: 2, 2: 1}


def test_a_message_answered_through_its_webhook_does_not_wait_for_a_reply_by_rest():
    ledger = Ledger()
    first, second = delivered(ledger, robot(1)), delivered(ledger, robot(2))
    ledger.replied_to(ledger.of_session("s1"), "a", 1)
    assert ledger.replied_to_place(APPS[0], USER, "b", 2) == second
    assert ledger.record(first).replies[0].via == "webhook"
    assert ledger.of_session("unheard-of") is None


def test_a_reply_to_nobody_is_unmatched():
    ledger = Ledger()
    delivered(ledger, robot(1))
    assert ledger.replied_to_place(APPS[1], USER, "another app's", 1) is None
    assert ledger.replied_to_place(APPS[0], GROUP, "elsewhere", 1) is None
    ledger.pushed(APPS[0], robot(2, group=True), 0)
    assert ledger.replied_to_place(APPS[0], GROUP, "never delivered", 1) is None
    assert ledger.summary().unmatched_replies == 3
    assert ledger.summary(APPS[1]).unmatched_replies == 1


def test_only_direct_conversations_are_remembered_as_such():
    ledger = Ledger()
    ledger.pushed(APPS[0], robot(1), 0)
    ledger.pushed(APPS[0], robot(2, group=True), 0)
    assert ledger.direct_conversations == {"cidDM"}


class Traffic(RuleBasedStateMachine):
    """Anything that may happen between a server and its clients, and the counts made anew from what was seen."""

    connections = Bundle("connections")
    frames = Bundle("frames")

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.gateway = Gateway(rules=Rules(redeliver_after=10, keep_offline=True), rng=random.Random(1))
        for client_id in APPS:
            self.gateway.add_app(client_id, "secret")
        self.pushes = 0
        self.seen = []  # (client_id, key, message_id, connection)
        self.acks = []  # (connection, message_id, code, status)
        self.replies = []  # keys

    @rule(target=connections, client_id=st.sampled_from(APPS))
    def connect(self, client_id):
        subscriptions = [{"type": "EVENT", "topic": "*"}, {"type": "CALLBACK", "topic": ROBOT}]
        call = {"clientId": client_id, "clientSecret": "secret", "subscriptions": subscriptions}
        return self.gateway.upgrade(self.gateway.open(call, self.now), self.now)

    @rule(connection=consumes(connections))
    def lose(self, connection):
        self.gateway.lost(connection)

    @rule(connection=connections)
    def disconnect(self, connection):
        self.gateway.disconnect(connection, "test", self.now)

    @rule(client_id=st.sampled_from(APPS), event=st.booleans())
    def push(self, client_id, event):
        self.pushes += 1
        letter = robot(self.pushes)
        if event:
            letter = letter_of({"n": 1}, kind="EVENT", topic="*", headers={"eventId": f"evt{self.pushes}"})
        self.gateway.push(client_id, letter, self.now)

    @rule(target=frames, connection=connections)
    def read(self, connection):
        found = []
        for text in connection.take():
            frame = json.loads(text)
            message_id = frame["headers"]["messageId"]
            if frame["type"] != "SYSTEM":
                key = frame["headers"].get("eventId") or json.loads(frame["data"])["msgId"]
                self.seen.append((connection.client_id, key, message_id, connection.id))
                found.append((connection, message_id, frame["type"], key))
        return multiple(*found)

    @rule(frame=frames, code=st.sampled_from([200, 200, 500]), later=st.booleans())
    def ack(self, frame, code, later):
        self.say(frame[0], frame, code, later)

    @rule(frame=frames, connection=connections)
    def ack_anywhere(self, frame, connection):
        self.say(connection, frame, 200, later=False)

    def say(self, connection, frame, code, later):
        _, message_id, kind, key = frame
        if not connection.live:
            return
        data = encode({"status": "LATER" if later else "SUCCESS"})
        text = encode({"code": code, "headers": {"messageId": message_id}, "message": "", "data": data})
        self.gateway.receive(connection, [text], self.now)
        accepted = code == 200 and not (later and kind == "EVENT")
        self.acks.append((connection.id, message_id, key, accepted or kind == "CALLBACK"))

    @rule(data=st.data())
    def reply(self, data):
        """To any message: a session webhook may leak before its message is delivered."""
        number = data.draw(st.integers(0, self.pushes))
        pushed = self.gateway.ledger.of_session(f"s{number}")
        if pushed is not None:
            self.gateway.ledger.replied_to(pushed, "text", self.now)
            self.replies.append(pushed.key)

    @rule(seconds=st.sampled_from([0.5, 10, 61]))
    def wait(self, seconds):
        self.now += seconds
        self.gateway.tick(self.now)

    @invariant()
    def the_counts_are_those_of_the_records(self):
        records = list(self.gateway.ledger.records())
        robots = [record for record in records if record.pushed.letter.wants_answer and record.deliveries]
        right = [ack for record in records for ack in record.acks if ack.rightly]
        summary = self.gateway.ledger.summary()
        assert summary == Summary(
            pushed=self.pushes,
            undelivered=sum(not record.deliveries for record in records),
            delivered=sum(bool(record.deliveries) for record in records),
            redelivered=sum(len(record.deliveries) > 1 for record in records),
            deliveries=sum(len(record.deliveries) for record in records),
            acked=sum(record.settled for record in records),
            unacked=sum(bool(record.deliveries) and not record.settled for record in records),
            later=sum(ack.verdict == "later" for ack in right),
            refused=sum(ack.verdict == "refused" for ack in right),
            acked_on_wrong_connection=sum(not ack.rightly for record in records for ack in record.acks),
            replies=sum(len(record.replies) for record in records),
            answered=sum(bool(record.replies) for record in records),
            answered_twice=sum(len(record.replies) > 1 for record in records),
            unanswered=sum(not record.replies for record in robots),
            faults=len(self.gateway.ledger.faults),
        )
        assert summary == self.gateway.ledger.summary(APPS[0]) + self.gateway.ledger.summary(APPS[1])

    @invariant()
    def the_records_are_what_the_clients_saw(self):
        records = {record.pushed.key: record for record in self.gateway.ledger.records()}
        deliveries = {(d.message_id, d.connection) for record in records.values() for d in record.deliveries}
        assert {(message_id, connection) for _, _, message_id, connection in self.seen} <= deliveries
        for client_id, key, message_id, connection in self.seen:
            assert records[key].pushed.client_id == client_id
            assert (message_id, connection) in {(d.message_id, d.connection) for d in records[key].deliveries}
        where = {message_id: connection for _, _, message_id, connection in self.seen}
        settled = {key for connection, message_id, key, good in self.acks if good and where[message_id] == connection}
        assert {key for key, record in records.items() if record.settled} == settled
        assert sum(len(record.acks) for record in records.values()) == len(self.acks)
        assert sorted(key for key, record in records.items() for _ in record.replies) == sorted(self.replies)


Traffic.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTraffic = Traffic.TestCase
