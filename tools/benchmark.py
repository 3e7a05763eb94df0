"""Front door: upstream's benchmark of data loading. `python benchmarks/data.py` is ours."""

from slowfast.upstream_names.not_built import stand_in

main = stand_in("tools.benchmark", "main")

__all__ = ["main"]
