"""A registry: entries by name, and facts about each entry.

To add an entry, write one file in the folder that a registry belongs to and register the class or
function there. `import_all` imports every module of such a folder, so that the file is found.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Generic, TypeVar

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding, Key
from slowfast.ak.nearest import suggestion

Check = Callable[[Any], Iterator[Finding]]


@dataclass(frozen=True)
class Facts:
    """Facts about an entry of any kind. Each kind of entry adds its own facts.

    Args:
        keys: the configuration keys that the entry adds, by dotted name.
        problems: finds settings with which the entry cannot run. It takes the configuration and
            yields (key, words), and is called only if the configuration names the entry.
        warnings: finds settings that can run but are seldom intended; as `problems`.
        aliases: further names of the entry in a configuration.
    """

    keys: dict[str, Key] = field(default_factory=dict)
    problems: Check | None = None
    warnings: Check | None = None
    aliases: tuple[str, ...] = ()


F = TypeVar("F", bound=Facts)


class Registry(Generic[F]):
    """Entries of one kind by name. It can be read as a dictionary, and registered to as fvcore's.

    Args:
        kind: what an entry is called in messages, such as ``loss``.
        key: the configuration key that names an entry, such as ``MODEL.LOSS_FUNC``.
        facts: the dataclass of facts about an entry.
        not_built: names of upstream that this tree does not have yet, and why.
        ignores_case: whether a name in the configuration may differ from the name of the entry in
            upper and lower case.
    """

    def __init__(
        self,
        kind: str,
        key: str,
        facts: type[F],
        not_built: Mapping[str, str] | None = None,
        ignores_case: bool = False,
    ) -> None:
        self.kind, self.key = kind, key
        self.not_built, self._ignores_case = dict(not_built or {}), ignores_case
        self._facts_type = facts
        self._entries: dict[str, Any] = {}
        self._facts: dict[str, F] = {}

    def register(self, name: str | Any = None, **facts: Any) -> Any:
        """Registers the class or function that follows, as ``@REGISTRY.register("name", ...)``.

        Without a name the entry has the name of the class or function. ``register(entry)`` is
        accepted too. A second registration of a name replaces the first.

        Args:
            name: the name in the configuration.
            facts: fields of the facts of this kind. Without `keys`, `keys_of` gives them.
        """
        if name is not None and not isinstance(name, str):
            return self.register()(name)

        def add(entry: Any) -> Any:
            own_name = name or entry.__name__
            self._entries[own_name] = entry
            keys = self.keys_of(own_name, entry)
            self._facts[own_name] = self._facts_type(**{"keys": keys, **facts})
            return entry

        return add

    def keys_of(self, name: str, entry: Any) -> dict[str, Key]:
        """The configuration keys of an entry that declares none itself."""
        return {}

    def facts(self, name: str) -> F:
        """The facts about an entry; the defaults if the name is not registered."""
        return self._facts.get(self._entry_name(name)) or self._facts_type()

    def get(self, name: str, *default: Any) -> Any:
        """Returns an entry by its name. If there is none, returns the default, if one is given.

        Raises:
            UserError: there is no entry and no default; the text names the nearest entries.
        """
        words = self.problem_with(name)
        if words and default:
            return default[0]
        if words:
            raise UserError(f"{self.key} = {name}: {words}")
        return self._entries[self._entry_name(name)]

    def problem_with(self, name: str) -> str:
        """Why a name of the configuration is not an entry; empty if it is one."""
        if self._entry_name(name) in self._entries:
            return ""
        if name.lower() in (not_built := {k.lower(): v for k, v in self.not_built.items()}):
            return not_built[name.lower()]
        names = self.shown_names()
        near = suggestion(name, names)
        words = f"{near} expected one of {', '.join(names)}".lstrip()
        return f"there is no {self.kind} of this name; {words}"

    def shown_names(self) -> list[str]:
        """The names as a configuration writes them, sorted."""
        return sorted(name.lower() if self._ignores_case else name for name in self._entries)

    def _entry_name(self, name: str) -> str:
        """The name of the entry that a name in the configuration means."""
        known = {entry: entry for entry in self._entries}
        for entry in self._entries:
            for alias in self._facts[entry].aliases if entry in self._facts else ():
                known.setdefault(alias, entry)
        if name in known or not self._ignores_case:
            return known.get(name, name)
        return next((known[each] for each in known if each.lower() == name.lower()), name)

    def keys(self) -> list[str]:
        """The names, in the order in which they were registered."""
        return list(self._entries)

    def items(self) -> list[tuple[str, Any]]:
        """The names and their entries."""
        return list(self._entries.items())

    def configuration_keys(self) -> dict[str, Key]:
        """The configuration keys of all entries, by dotted name."""
        return {name: key for facts in self._facts.values() for name, key in facts.keys.items()}

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __setitem__(self, name: str, entry: Any) -> None:
        """Adds or replaces an entry. Facts about a replaced entry stay."""
        if name in self._entries:
            self._entries[name] = entry
        else:
            self.register(name)(entry)

    def __delitem__(self, name: str) -> None:
        del self._entries[name]
        self._facts.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.items())

    def __len__(self) -> int:
        return len(self._entries)


def import_all(package: ModuleType) -> None:
    """Imports every module of a package, so that each registers what it defines."""
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
