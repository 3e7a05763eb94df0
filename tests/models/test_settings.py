"""Settings of a network: names in a table, and one value for each pathway."""

import pytest

from slowfast.ak.errors import UserError
from slowfast.models.settings import look_up, per_pathway


def test_look_up_returns_the_entry_or_lists_the_names():
    assert look_up("K", 50, {18: "a", 50: "b"}) == "b"
    with pytest.raises(UserError, match="K: found 51; did you mean 50"):
        look_up("K", 51, {18: "a", 50: "b"})
    with pytest.raises(UserError, match=r"^K: found 'zzz'; expected one of one, two$"):
        look_up("K", "zzz", {"one": 1, "two": 2})


def test_equal_values_serve_any_number_of_pathways():
    assert per_pathway("K", [3, 5], 2) == [3, 5]
    assert per_pathway("K", [3], 2) == [3, 3]
    assert per_pathway("K", [[1, 2, 2], [1, 2, 2]], 1) == [[1, 2, 2]]


@pytest.mark.parametrize("values", [[1, 2], []])
def test_different_values_for_another_number_of_pathways_are_refused(values):
    with pytest.raises(UserError, match=r"K: found .* each of 3 pathway"):
        per_pathway("K", values, 3)
