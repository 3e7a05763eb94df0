"""Running medians and means of a series, and the timing of a loop.

The times are measured in the process. A GPU works from a queue, so the times hold only if the loop
does not run far ahead of it (`slowfast.engine.device.queue`).
"""

from collections import deque
from datetime import timedelta
from statistics import median
from time import perf_counter


class Window:
    """A series of numbers: the median of the last `size` numbers, and the weighted mean of all."""

    def __init__(self, size: int) -> None:
        self._recent: deque[float] = deque(maxlen=size)
        self._sum = self._weight = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        value = float(value)
        self._recent.append(value)
        self._sum += value * weight
        self._weight += weight

    def state(self) -> list:
        """Returns the series as plain values, for `load_state`."""
        return [list(self._recent), self._sum, self._weight]

    def load_state(self, state: list) -> None:
        """Continues a saved series."""
        recent, self._sum, self._weight = state
        self._recent.extend(recent)

    def median(self) -> float:
        return median(self._recent) if self._recent else 0.0

    def mean(self) -> float:
        return self._sum / self._weight if self._weight else 0.0


class LoopTimer:
    """Measures an iteration (dt), its wait for data (dt_data) and the rest (dt_net), in seconds.

    `dt_idle` is the part of the wait for data in which the device had no work.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._start_series()

    def _start_series(self) -> None:
        names = ("dt", "dt_data", "dt_net", "dt_idle")
        self._series = {name: Window(self._window) for name in names}

    def iter_tic(self) -> None:
        """Marks the start of an iteration and of its wait for data."""
        self._began = self._data_came = perf_counter()
        self._was_idle = False

    def data_toc(self, device_is_idle: bool = True) -> None:
        """Marks the end of the wait for data.

        Args:
            device_is_idle: whether the device has finished all earlier work.
        """
        self._data_came = perf_counter()
        self._was_idle = device_is_idle

    def iter_toc(self) -> None:
        """Marks the end of the iteration."""
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
