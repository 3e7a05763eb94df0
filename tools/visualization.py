"""Front door: pictures after a run, at upstream's path. `python tools/run_net.py` draws them."""

from slowfast.upstream_names.not_built import stand_in
from slowfast.upstream_names.programs import visualize

perform_wrong_prediction_vis = stand_in("tools.visualization", "perform_wrong_prediction_vis")
run_visualization = stand_in("tools.visualization", "run_visualization")

__all__ = ["perform_wrong_prediction_vis", "run_visualization", "visualize"]
