"""Work done on many things at once."""

import pytest

from slowfast.data_tools.parallel import run_all


def test_run_all_keeps_order_and_stops_at_the_first_failure():
    assert run_all([3, 1, 2], lambda n: n * n, "squares") == [9, 1, 4]
    begun = []

    def work(n):
        begun.append(n)
        if n == 0:
            raise ValueError("zero")

    with pytest.raises(ValueError, match="zero"):
        run_all([0] * 1000, work, "zeros")
    assert len(begun) < 1000
