"""Arguments of upstream's functions, found by their names: forks add and move them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import BoundArguments
from typing import Any

from slowfast.ak.errors import UserError


def binder(function: Callable[..., Any], *names: str) -> Callable[..., BoundArguments]:
    """What binds the arguments of a call of a function, its defaults among them.

    Raises:
        UserError: at once, where the function has no parameters of these names.
    """
    signature = inspect.signature(function)
    if missing := [name for name in names if name not in signature.parameters]:
        raise UserError(
            f"{function.__module__}.{function.__qualname__}{signature}: expected parameters "
            f"{', '.join(names)}, which slowfast.ak reads; {', '.join(missing)} is missing. Name "
            "it so."
        )

    def bind(*args: Any, **kwargs: Any) -> BoundArguments:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        return given

    return bind
