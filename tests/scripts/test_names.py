"""Names in setup.py are replaced and put back if they are not ambiguous."""

from prepare_dir import blocks, names

SETUP = b"""NEEDED = ["numpy", 'PIL', "sklearn"]
about = "PIL and sklearn are named so upstream"
"""


def test_names_are_replaced_and_put_back():
    replaced, remarks = names.replace(SETUP)
    assert remarks == []
    assert b"""["numpy", 'Pillow', "scikit-learn"]\nabout = "PIL and sklearn are""" in replaced
    assert names.replace(replaced) == (replaced, [])
    assert names.put_back(replaced) == (SETUP, [])


def test_lines_that_a_user_adds_stay():
    replaced, _ = names.replace(SETUP)
    changed = b"import os\n" + replaced.replace(b'"numpy"', b'"numpy", "mine"') + b"more()\n"
    back, remarks = names.put_back(changed)
    assert back == b"import os\n" + SETUP.replace(b'"numpy"', b'"numpy", "mine"') + b"more()\n"
    assert remarks == []


def test_a_setup_without_the_names_is_unchanged():
    setup = b'NEEDED = ["Pillow", "scikit-learn"]\n'
    assert names.replace(setup) == (setup, [])
    assert names.put_back(setup) == (setup, [])


def test_ambiguous_names_are_left_with_a_remark():
    both = b'NEEDED = ["PIL", "Pillow"]\n'
    twice = b'NEEDED = ["sklearn"] + ["sklearn"]\n'
    for setup, name in ((both, "PIL"), (twice, "sklearn")):
        left, remarks = names.replace(setup)
        assert left == setup
        assert name in remarks[0]


def test_names_that_a_user_changed_stay():
    replaced, _ = names.replace(SETUP)
    changed = replaced.replace(b"'Pillow'", b"'Pillow>=10'") + b'MORE = ["scikit-learn"]\n'
    back, remarks = names.put_back(changed)
    assert back == blocks.take(changed)
    assert len(remarks) == 2


def test_a_name_that_a_merge_brings_back_is_replaced_again():
    replaced, _ = names.replace(SETUP)
    merged = replaced.replace(b"Pillow'", b"PIL'") + b"later()\n"
    again, remarks = names.replace(merged)
    assert again == replaced + b"later()\n"
    assert remarks == []
