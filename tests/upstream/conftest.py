"""The look-alikes' own `test_net.py` and the like are no tests."""

collect_ignore = ["lookalike"]
