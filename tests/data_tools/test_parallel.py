"""Jobs in parallel threads."""

import pytest

from slowfast.data_tools.parallel import run_all


def test_results_are_in_order_and_the_first_failure_stops_the_rest():
    assert run_all([3, 1, 2], lambda n: n * n, "squares") == [9, 1, 4]
    begun = []

    def work(n):
        begun.append(n)
        if n == 0:
            raise ValueError("zero")

    with pytest.raises(ValueError, match="zero"):
        run_all([0] * 1000, work, "zeros")
    assert len(begun) < 1000
