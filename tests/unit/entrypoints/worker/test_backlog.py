from loafer.entrypoints.worker.backlog import Backlog


def test_what_fits_is_taken_and_counted_out_again() -> None:
    backlog = Backlog(10)
    assert [backlog.take_in(4), backlog.take_in(6)] == [True, True]
    assert [backlog.take_out(4), backlog.take_out(6)] == [0, 0]
    assert (backlog.size, backlog.dropped) == (0, 0)


def test_what_does_not_fit_is_dropped_and_so_is_what_comes_until_half_is_written() -> None:
    backlog = Backlog(10)
    assert [backlog.take_in(4), backlog.take_in(4), backlog.take_in(4), backlog.take_in(1)] == [
        True,
        True,
        False,
        False,
    ]
    assert backlog.take_out(1) == 0
    assert not backlog.take_in(1)
    assert backlog.take_out(3) == 3
    assert backlog.take_in(5)


def test_what_was_dropped_is_told_once() -> None:
    backlog = Backlog(10)
    assert [backlog.take_in(10), backlog.take_in(1)] == [True, False]
    assert [backlog.take_out(10), backlog.dropped, backlog.dropping] == [1, 0, False]
    assert backlog.take_in(10)
    assert backlog.take_out(10) == 0


def test_what_is_larger_than_all_the_room_is_taken_where_nothing_else_waits() -> None:
    backlog = Backlog(10)
    assert [backlog.take_in(11), backlog.take_in(1)] == [True, False]
    backlog.take_out(11)
    assert [backlog.take_in(1), backlog.take_in(10)] == [True, False]
