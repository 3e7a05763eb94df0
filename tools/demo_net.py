"""Front door: the demo on a video, at upstream's path. It is not built here."""

from slowfast.upstream_names.not_built import stand_in

demo = stand_in("tools.demo_net", "demo")
run_demo = stand_in("tools.demo_net", "run_demo")

__all__ = ["demo", "run_demo"]
