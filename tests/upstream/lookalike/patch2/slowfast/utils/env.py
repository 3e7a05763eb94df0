"""Sets up the environment. This branch has no path manager of its own."""

import os


def setup_environment() -> None:
    os.environ["LOOKALIKE_IS_SET_UP"] = "yes"
