"""A call that hangs is given up. Later calls get their own results."""

import os
import pickle
import threading

import pytest
import torch

from slowfast.ak.clips.bad_clips import TimeIsUp, TimeLimit


@pytest.mark.parametrize("seconds", [0, 60])
def test_results_and_errors_are_returned(seconds):
    limit = TimeLimit(seconds)
    assert [limit.call(divmod, number, 7) for number in range(30)] == [
        divmod(number, 7) for number in range(30)
    ]
    with pytest.raises(ZeroDivisionError):
        limit.call(divmod, 1, 0)
    assert limit.call(divmod, 1, 1) == (1, 0)


def test_a_call_that_hangs_is_given_up_and_its_result_is_not_used():
    limit = TimeLimit(0.2)
    released, returned = threading.Event(), threading.Event()

    def hang():
        released.wait()
        returned.set()
        return "late"

    for _ in range(3):
        with pytest.raises(TimeIsUp):
            limit.call(hang)
        assert limit.call(str, 1) == "1"
    released.set()
    assert returned.wait(10)
    assert limit.call(str, 2) == "2"


def test_the_result_of_an_interrupted_call_is_not_used():
    limit, going_on = TimeLimit(60), threading.Event()
    limit.call(str, 0)
    get = limit._results.get

    class Interrupted:
        def get(self, timeout):
            raise KeyboardInterrupt

    limit._results = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        limit.call(lambda: going_on.set() or "old")
    assert get(timeout=10) == ("old", None)
    assert limit.call(str, 1) == "1"


def test_threads_end_with_their_time_limit():
    before = set(threading.enumerate())
    limits = [TimeLimit(60) for _ in range(5)]
    for limit in limits:
        limit.call(str, 1)
        limit.call(str, 2)
    started = set(threading.enumerate()) - before
    assert len(started) == 5
    limits.clear()
    del limit
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()


def test_a_fork_and_a_copy_have_their_own_threads():
    limit = TimeLimit(60)
    ident = limit.call(threading.get_ident)
    child = os.fork()
    if not child:
        os._exit(0 if limit.call(str, 1) == "1" else 1)
    assert os.waitpid(child, 0)[1] == 0
    other = pickle.loads(pickle.dumps(limit))
    assert other.seconds == 60
    assert other.call(threading.get_ident) != ident == limit.call(threading.get_ident)


def test_torch_uses_one_thread_in_the_call():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert TimeLimit(60).call(torch.get_num_threads) == 1
    finally:
        torch.set_num_threads(before)
