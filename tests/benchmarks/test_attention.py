"""The benchmark of attention compares forms that compute the same."""

import torch

from benchmarks import attention

TINY = (("small", 2, 8, (2, 4, 4), (2, 2, 2), True),)


def test_all_forms_compute_the_same():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, count, 8, dtype=torch.float64) for count in (32, 8, 8))
    tables = {
        axis: torch.randn(length, 8).double() for axis, length in zip("thw", (3, 7, 7), strict=True)
    }
    results = [form(q, k, v, (2, 4, 4), (2, 2, 2), tables) for form in attention.FORMS.values()]
    for other in results[1:]:
        torch.testing.assert_close(other, results[0])


def test_each_form_has_a_line_and_reversible_networks_keep_less():
    lines = list(attention.forms(TINY, clips=1, turns=1))
    assert len(lines) == 2 + len(attention.FORMS)
    *_, last = attention.reversible((2,), frames=2, side=32)
    plain, reversible = (attention.kept(*run(each)) for each in (False, True))
    assert last.startswith("| 2 |")
    assert reversible < plain / 3


def run(is_reversible):
    model = attention._vit(2, is_reversible, frames=2, side=32)
    return lambda: model([torch.randn(1, 3, 2, 32, 32)]), model
