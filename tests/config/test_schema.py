"""Conversion of values to the types of their keys."""

import math

import pytest

from slowfast.config.keys import known_keys
from slowfast.config.schema import WrongType, coerce, expected


@pytest.mark.parametrize(
    ("value", "default", "kind", "result"),
    [
        (4, 0.0, "", 4.0),
        ("1e-4", 0.1, "", 1e-4),
        (8.0, 8, "", 8),
        ("8", 8, "", 8),
        ((1, 2), [3], "", [1, 2]),
        ([1, "1e-5"], [], "float", [1.0, 1e-5]),
        ([[3, 3], [4, 4]], [[3]], "", [[3, 3], [4, 4]]),
        ([1, 2], (3, 4), "", (1, 2)),
        ([[1, 2.0]], [], "list", [[1, 2.0]]),
        (None, None, "float", None),
        (1, None, "float", 1.0),
        ([1, 3, 3], None, "list", [1, 3, 3]),
        (["41.5", 49, "60"], [], "number", [41.5, 49, 60]),
        ("anything", None, "", "anything"),
        (None, "text", "", ""),
        ("true", False, "", True),
        (1, False, "", WrongType),
        (True, 1, "", WrongType),
        (8.5, 8, "", WrongType),
        (math.inf, 8, "", WrongType),
        (10**400, 1.0, "", WrongType),
        ("a", 0.1, "", WrongType),
        (3, "text", "", WrongType),
        ([1.5], [1], "", WrongType),
        ([[1]], [1], "", WrongType),
        ([{"a": 1}], [], "list", WrongType),
        ("a", None, "float", WrongType),
        (3, None, "list", WrongType),
    ],
)
def test_a_value_is_converted_to_the_type_of_its_key_or_refused(value, default, kind, result):
    if result is WrongType:
        with pytest.raises(WrongType):
            coerce(value, default, kind)
    else:
        coerced = coerce(value, default, kind)
        assert coerced == result
        assert type(coerced) is type(result)


def test_each_default_has_the_type_of_its_key():
    for name, key in known_keys().items():
        assert coerce(key.default, key.default, key.kind) == key.default, name
        if (key.default is None or key.default == []) and not key.unserved:
            assert key.kind in ("int", "float", "number", "str", "list"), name


def test_each_key_that_is_named_as_a_path_is_one():
    """Only then `~` and `$NAME` are expanded."""
    endings = ("_PATH", "_DIR", "_PREFIX", "_FILE", "_FOLDER")
    found = {name for name, key in known_keys().items() if name.endswith(endings)}
    known = known_keys()
    assert "TENSORBOARD.HISTOGRAM.SUBSET_PATH" in found
    assert not {n for n in found if known[n].kind != "path" and not known[n].unserved}


def test_accepted_values_are_described_in_words():
    assert expected(1) == "a whole number"
    assert expected([], "int") == "a list of whole numbers"
    assert expected([[3], [4]]) == "a list of lists, such as [[3], [4]]"
    assert expected(None, "list") == "a list or None"
