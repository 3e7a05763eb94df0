"""A look-alike of a SlowFast package."""

from slowfast.utils import env

env.setup_environment()
