from trio_bridge.platforms.dingtalk.timetable import Timetable


def never() -> bool:
    return False


def test_what_is_due_is_done_in_the_order_of_time_and_then_of_adding():
    timetable, done = Timetable(), []
    for at, name in [(2, "c"), (1, "a"), (1, "b"), (3, "later")]:
        timetable.add(at, lambda now, name=name: done.append((name, now)), never)
    timetable.run(2)
    assert done == [("a", 2), ("b", 2), ("c", 2)]
    assert timetable.next_at() == 3


def test_what_became_needless_is_neither_done_nor_waited_for():
    timetable, done, needless = Timetable(), [], set()
    timetable.add(1, done.append, lambda: 1 in needless)
    timetable.add(2, done.append, lambda: 2 in needless)
    assert timetable.next_at() == 1
    needless.add(1)
    assert timetable.next_at() == 2
    needless.add(2)
    timetable.run(5)
    assert done == []
    assert timetable.next_at() is None


def test_an_action_that_adds_another_does_not_run_it_before_its_time():
    timetable, done = Timetable(), []

    def again(now: float) -> None:
        done.append(now)
        timetable.add(now + 10, again, never)

    timetable.add(1, again, never)
    timetable.run(9)
    assert done == [9]
    assert timetable.next_at() == 19
