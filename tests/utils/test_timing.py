"""Medians and means of a series, and the timing of a loop."""

from slowfast.utils import timing
from slowfast.utils.timing import LoopTimer


def test_an_iteration_consists_of_waiting_and_working(monkeypatch):
    clock = iter([10.0, 11.0, 14.0])
    monkeypatch.setattr(timing, "perf_counter", lambda: next(clock))
    timed = LoopTimer(window=3)
    timed.iter_tic()
    timed.data_toc()
    timed.iter_toc()
    assert timed._medians() == {"dt": 4.0, "dt_data": 1.0, "dt_net": 3.0, "dt_idle": 1.0}
    assert timed._eta(1000) == "1:06:40"


def test_waiting_while_the_device_is_busy_is_not_idle_time(monkeypatch):
    clock = iter([0.0, 1.0, 4.0] * 2)
    monkeypatch.setattr(timing, "perf_counter", lambda: next(clock))
    timed = LoopTimer(window=3)
    for is_idle in (False, True):
        timed.iter_tic()
        timed.data_toc(is_idle)
        timed.iter_toc()
    assert timed._means()["dt_idle"] == 0.5
    assert timed._means()["dt_data"] == 1.0
