import attrs

from trio_bridge.platforms.dingtalk.gateway.timetable import Timetable


@attrs.define
class Note:
    """Notes when it is done."""

    book: list
    name: str = ""
    needed: bool = True

    def needless(self):
        return not self.needed

    def act(self, now):
        self.book.append((self.name, now))


@attrs.define
class Again(Note):
    timetable: Timetable = attrs.field(kw_only=True)

    def act(self, now):
        super().act(now)
        self.timetable.add(now + 10, self)


def test_what_is_due_is_done_in_the_order_of_time_and_then_of_adding():
    timetable, done = Timetable(), []
    for at, name in [(2, "c"), (1, "a"), (1, "b"), (3, "later")]:
        timetable.add(at, Note(done, name))
    timetable.run(2)
    assert done == [("a", 2), ("b", 2), ("c", 2)]
    assert timetable.next_at() == 3


def test_what_became_needless_is_neither_done_nor_waited_for():
    timetable, done = Timetable(), []
    first, second = Note(done), Note(done)
    timetable.add(1, first)
    timetable.add(2, second)
    assert timetable.next_at() == 1
    first.needed = False
    assert timetable.next_at() == 2
    second.needed = False
    timetable.run(5)
    assert done == []
    assert timetable.next_at() is None


def test_a_duty_that_adds_another_does_not_have_it_done_before_its_time():
    timetable, done = Timetable(), []
    timetable.add(1, Again(done, timetable=timetable))
    timetable.run(9)
    assert done == [("", 9)]
    assert timetable.next_at() == 19
