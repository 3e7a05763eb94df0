"""AUG.AA_TYPE is read in timm's notation."""

import pytest

from slowfast.ak.clips.augmentation_policy import RandAugmentPolicy, parse_policy
from slowfast.ak.errors import UserError


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("rand-m9-mstd0.5-inc1", RandAugmentPolicy(9, 2, 0.5)),
        ("rand-m7-n4-mstd0.5-inc1", RandAugmentPolicy(7, 4, 0.5)),
        ("rand-inc1-n1-m3.5-p1", RandAugmentPolicy(3.5, 1, 0, 1)),
        ("rand-inc1", RandAugmentPolicy(10, 2, 0, 0.5)),
    ],
)
def test_policies_are_read(text, policy):
    assert parse_policy(text) == policy
    assert isinstance(parse_policy(text).count, int)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("augmix-m5-w4", "only rand of timm's policies is built"),
        ("rand-m9-mstd0.5", "it lacks inc1"),
        ("rand-m9-w0-inc1", "its part 'w0' is not m, n, mstd, p or inc and a number"),
        ("rand-m9-m8-inc1", "m is given twice"),
        ("rand-m11-inc1", "m is at most 10"),
        ("rand-n1.5-inc1", "n is a whole number from 1 on"),
        ("rand-p1.5-inc1", "p is at most 1"),
    ],
)
def test_other_texts_are_refused(text, words):
    with pytest.raises(UserError) as error:
        parse_policy(text)
    assert str(error.value).startswith(words)
    assert '"rand-m9-mstd0.5-inc1"' in str(error.value)
