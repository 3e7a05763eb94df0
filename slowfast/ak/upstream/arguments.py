"""Finds the arguments of upstream's functions by parameter name, since forks add and move some."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import BoundArguments
from typing import Any

from slowfast.ak.errors import UserError


def binder(function: Callable[..., Any], *names: str) -> Callable[..., BoundArguments]:
    """Returns a function that binds the arguments of a call to parameters, defaults included.

    Args:
        function: the function that will be called.
        names: parameters that the function must have.

    Raises:
        UserError: at once, if the function lacks one of the parameters.
    """
    signature = inspect.signature(function)
    if missing := [name for name in names if name not in signature.parameters]:
        raise UserError(
            f"{function.__module__}.{function.__qualname__}{signature}: slowfast.ak expects the "
            f"parameters {', '.join(names)}, and {', '.join(missing)} is missing. Rename the "
            "parameter that has this meaning."
        )

    def bind(*args: Any, **kwargs: Any) -> BoundArguments:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        return given

    return bind
