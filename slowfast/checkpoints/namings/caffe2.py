"""Names of the Caffe2 model zoo, which are names of blobs."""

import re

from slowfast.checkpoints.namings.naming import Naming, State, register

# Patterns of blob names without their ending, and the modules. {p} is the pathway: 1 for names that
# begin with "t_" (fast), else 0.
_MODULES = tuple(
    (re.compile(blob), module)
    for blob, module in (
        (r"conv1(_xy)?", r"s1.pathway{p}_stem.conv\1"),
        (r"res_conv1_bn", r"s1.pathway{p}_stem.bn"),
        (r"pool1_subsample", r"s1_fuse.conv_f2s"),
        (r"pool1_subsample_bn", r"s1_fuse.bn"),
        (r"res(\d)_\d+_branch2c_bn_subsample", r"s\1_fuse.conv_f2s"),
        (r"res(\d)_\d+_branch2c_bn_subsample_bn", r"s\1_fuse.bn"),
        (r"res(\d)_(\d+)_branch1(_bn)?", r"s\1.pathway{p}_res\2.branch1\3"),
        (r"res(\d)_(\d+)_branch2([abc](?:_xy)?(?:_bn)?)", r"s\1.pathway{p}_res\2.branch2.\3"),
        (r"res(\d)_(\d+)_branch2b_bn_(fc[12])", r"s\1.pathway{p}_res\2.branch2.se.\3"),
        (r"nonlocal_conv(\d)_(\d+)_bn", r"s\1.pathway{p}_nonlocal\2.bn"),
        (r"nonlocal_conv(\d)_(\d+)_([a-z]+)", r"s\1.pathway{p}_nonlocal\2.conv_\3"),
        (r"pred", r"head.projection"),
        (r"((?:conv|lin)_5(?:_bn)?)", r"head.\1"),
    )
)
_NAME = re.compile(r"(?P<fast>t_)?(?P<stem>.+?)_(?P<ending>w|b|s|rm|riv|\w_momentum)")
_ENDINGS = {
    "w": "weight",
    "b": "bias",
    "s": "weight",
    "rm": "running_mean",
    "riv": "running_var",
}
_SOLVER_STATE = re.compile(r"lr|model_iter|.*_momentum")


def is_weight(blob: str) -> bool:
    """Returns whether a blob is a parameter or a statistic, not a state of the Caffe2 solver."""
    return not _SOLVER_STATE.fullmatch(blob)


def parameter_name(blob: str) -> str:
    """Returns a blob's name in this project: ``res2_0_branch1_w`` is called
    ``s2.pathway0_res0.branch1.weight``. A name that matches no pattern is returned unchanged.
    """
    if name := _NAME.fullmatch(blob):
        for pattern, module in _MODULES:
            if stem := pattern.fullmatch(name["stem"]):
                pathway = "1" if name["fast"] else "0"
                ending = _ENDINGS.get(name["ending"], name["ending"])
                return f"{stem.expand(module).replace('{p}', pathway)}.{ending}"
    return blob


@register
class Caffe2(Naming):
    """``res2_0_branch2a_w``: the published networks of SlowFast and of non-local networks."""

    title = "Caffe2 names"
    pads = True

    def prefixes(self, state: State, wanted: set[str]) -> list[str]:
        return [""] if any(parameter_name(name) != name for name in state) else []

    def is_weight(self, name: str) -> bool:
        return is_weight(name)

    def rename(self, state: State) -> dict[str, str]:
        return {name: parameter_name(name) for name in state if is_weight(name)}

    def is_of_images(self, state: State) -> bool:
        return "conv1_w" in state and state["conv1_w"].ndim == 4
