"""Front door: testing, at upstream's path. `python tools/run_net.py` is the program."""

from slowfast.upstream_names.programs import perform_test, test

__all__ = ["perform_test", "test"]
