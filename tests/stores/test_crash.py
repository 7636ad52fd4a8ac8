"""A process that is killed, and a log that was torn: nothing that was acknowledged is missing."""

import random
import shutil
import subprocess
import sys

import pytest
import trio

from trio_bridge.engine.store import Completion, Work
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing._store_check import DUPLICATE, accept, delivery

# Two accounts store and handle without end. They say what is stored ("s"), what they are about to mark as done ("m"),
# and what is done ("d").
CHILD = """
import itertools, os, sys, trio
from trio_bridge.engine.store import Completion, Work
from trio_bridge.stores.sqlite import open_sqlite
from trio_bridge.wire.protocol import Delivery

path, run = sys.argv[1:]

def say(word, deliveries):
    os.write(1, "".join(f"{word} {delivery.key}\\n" for delivery in deliveries).encode())

async def work(account, name):
    held = []
    for n in itertools.count():
        new = [Delivery(f"{run}-{name}-{n}-{m}", "lane", "topic", "x" * 500) for m in range(n % 5 + 1)]
        handled = [claim.delivery for claim in held]
        say("m", handled)
        finish = [Completion(claim.seq, claim.fence, "done") for claim in held]
        done = await account.work(Work(1.0, accept=new, room=10**6, room_bytes=10**9, finish=finish))
        say("s", new)
        say("d", handled)
        held = (await account.work(Work(1.0, claim=[accepted.seq for accepted in done.accepted[::2]]))).claimed

async def main():
    async with open_sqlite(path) as store, trio.open_nursery() as nursery:
        for name in ("a", "b"):
            account = await store.open_account(name, platform="x")
            await account.recover(now=1.0, max_deaths=10**6, max_attempts=10**6)
            nursery.start_soon(work, account, name)

trio.run(main)
"""


def said_until_killed(path, run, lines):
    """What a child said that was killed after so many lines, to the last whole one: word, account and key of each."""
    command = [sys.executable, "-c", CHILD, str(path), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += child.stdout.readlines()
    words = [line.decode().split() for line in said if line.endswith(b"\n")]
    return [(word, key.split("-")[1], key) for word, key in words]


async def check(path, said):
    """Everything that was said is true, and the accounts are empty again."""
    async with open_sqlite(path, executor=inline) as store:
        for name in ("a", "b"):
            stored, marked, done = ({key for word, of, key in said if (word, of) == (it, name)} for it in "smd")
            account = await store.open_account(name, platform="x")
            seqs = [row.seq for row in (await account.recover(now=2.0, max_deaths=9, max_attempts=9)).waiting]
            claims = (await account.work(Work(3.0, claim=seqs))).claimed
            left = {claim.delivery.key for claim in claims}
            assert stored - marked <= left, "what was stored waits"
            assert left.isdisjoint(done), "what was handled is not handled again"
            found = await accept(account, *map(delivery, stored))
            assert {one.verdict for one in found} <= {DUPLICATE}, "what was stored is known"
            await account.work(Work(4.0, finish=[Completion(claim.seq, claim.fence, "done") for claim in claims]))


def test_nothing_that_was_acknowledged_is_missing_after_a_kill(path):
    chance = random.Random(20)
    total = 0
    for run in range(15):
        said = said_until_killed(path, run, lines=chance.randrange(1, 600))
        total += sum(word == "s" for word, _, _ in said)
        trio.run(check, path, said)
    assert total > 1000


def copied(path, place, log):
    """The file and a log as a crash leaves them, with no shared memory."""
    place.mkdir()
    copy = place / path.name
    shutil.copy(path, copy)
    copy.with_name(copy.name + "-wal").write_bytes(log)
    return copy


@pytest.fixture
async def logged(path):
    """A file that is in use: its path, and the length of its log after each of some commits."""
    async with open_sqlite(path, executor=inline) as store:
        account = await store.open_account("a", platform="x")
        lengths = []
        for n in range(6):
            await accept(account, *(delivery(f"{n} {m}", data="x" * 3000) for m in range(2)))
            lengths.append(path.with_name("bridge.db-wal").stat().st_size)
        yield path, lengths


async def whole_commits(copy):
    """How many of the commits are there. None is there in part."""
    async with open_sqlite(copy, executor=inline) as store:
        account = await store.open_account("a", platform="x")
        keys = [f"{n} {m}" for n in range(6) for m in range(2)]
        known = [one.verdict is DUPLICATE for one in await accept(account, *map(delivery, keys))]
    assert known[::2] == known[1::2]
    assert known == sorted(known, reverse=True)
    return sum(known) // 2


async def test_a_torn_log_loses_nothing_before_the_tear(logged, tmp_path):
    path, lengths = logged
    log = path.with_name("bridge.db-wal").read_bytes()
    frame = 4096 + 24
    cuts = {
        lengths[-1] - back for back in (0, 1, 23, 24, 25, 4096, frame - 1, frame, frame + 1, 2 * frame, 3 * frame + 9)
    }
    cuts |= {length + step for length in lengths[2:-1] for step in (-1, 0, 1)} | {
        lengths[2] + 10 * k for k in range(20)
    }
    for cut in sorted(cuts):
        copy = copied(path, tmp_path / str(cut), log[:cut])
        assert await whole_commits(copy) == sum(length <= cut for length in lengths), cut


async def test_a_scribbled_log_loses_nothing_before_the_scribble(logged, tmp_path):
    path, lengths = logged
    log = path.with_name("bridge.db-wal").read_bytes()
    for at in (lengths[-1] - 1, lengths[-1] - 4000, lengths[-2] + 1, lengths[-2] - 1, lengths[-3] + 30):
        scribbled = log[:at] + bytes([log[at] ^ 0xFF]) + log[at + 1 :]
        copy = copied(path, tmp_path / str(at), scribbled)
        assert await whole_commits(copy) == sum(length <= at for length in lengths), at
