"""The names of this project, which are those of SlowFast."""

from slowfast.checkpoints.namings.naming import Naming, State, register


@register
class OwnNames(Naming):
    """The names of the network itself, behind any prefix."""

    title = "names of SlowFast"

    def prefixes(self, state: State, wanted: set[str]) -> list[str]:
        found = {}
        for name in state:
            start = 0
            while name[start:] not in wanted and (dot := name.find(".", start)) >= 0:
                start = dot + 1
            if name[start:] in wanted:
                found[name[:start]] = True
        return [*found]

    def rename(self, state: State) -> dict[str, str]:
        return {name: name for name in state}
