"""Series of numbers, and the times of a loop.

Notable: times are those of the process. On a GPU work is queued: they are true only where the loop
does not run far ahead of it (`slowfast.engine.device.queue`).
"""

from collections import deque
from datetime import timedelta
from statistics import median
from time import perf_counter


class Window:
    """A series of numbers: the median of the last ones, and the mean of all, weighted."""

    def __init__(self, size: int) -> None:
        self._recent: deque[float] = deque(maxlen=size)
        self._sum = self._weight = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        value = float(value)
        self._recent.append(value)
        self._sum += value * weight
        self._weight += weight

    def state(self) -> list:
        """All that it holds, as plain values."""
        return [list(self._recent), self._sum, self._weight]

    def take_up(self, state: list) -> None:
        """Goes on with a series that was saved."""
        recent, self._sum, self._weight = state
        self._recent.extend(recent)

    def median(self) -> float:
        return median(self._recent) if self._recent else 0.0

    def mean(self) -> float:
        return self._sum / self._weight if self._weight else 0.0


class Timed:
    """Times an iteration: all of it, the wait for data, and the rest.

    `dt_idle` is the wait for data where the device had nothing to do meanwhile.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._start_series()

    def _start_series(self) -> None:
        names = ("dt", "dt_data", "dt_net", "dt_idle")
        self._series = {name: Window(self._window) for name in names}

    def iter_tic(self) -> None:
        """An iteration begins, with its wait for data."""
        self._began = self._data_came = perf_counter()
        self._was_idle = False

    def data_toc(self, device_is_idle: bool = True) -> None:
        """The data are there; whether the device has done all the work that it was given before."""
        self._data_came = perf_counter()
        self._was_idle = device_is_idle

    def iter_toc(self) -> None:
        """The iteration ends."""
        now = perf_counter()
        self._series["dt"].add(now - self._began)
        waited = self._data_came - self._began
        self._series["dt_data"].add(waited)
        self._series["dt_idle"].add(waited if self._was_idle else 0)
        self._series["dt_net"].add(now - self._data_came)

    def _medians(self) -> dict[str, float]:
        return {name: series.median() for name, series in self._series.items()}

    def _means(self) -> dict[str, float]:
        return {name: series.mean() for name, series in self._series.items()}

    def _eta(self, iterations: int) -> str:
        return str(timedelta(seconds=int(self._series["dt"].median() * iterations)))
