"""No key is ignored in silence: each is read, refused when changed, or said to have no effect."""

import re
from pathlib import Path

import pytest

from slowfast.ak.config import KEYS as AK_KEYS
from slowfast.config.keys import UPSTREAM_KEYS

ROOT = Path(__file__).resolve().parents[2]

# What is honoured without being read: the reason stands beside it.
HONOURED_UNREAD = {
    "MODEL.SINGLE_PATHWAY_ARCH": "an architecture of neither list has one pathway too",
    # tests/models/test_losses.py holds that each is an argument, and that it arrives.
    **{
        name: "an argument of the loss of that name"
        for name in AK_KEYS
        if name.startswith("LOSS.") and name.count(".") == 2
    },
}

# Where keys are declared and checked, which is no reading of them.
DECLARATIONS = [
    ROOT / "slowfast/config" / name
    for name in ("another_run.py", "checks.py", "combinations.py", "doubts.py")
]
DECLARATIONS += [ROOT / "slowfast/ak/config.py", *(ROOT / "slowfast/config/keys").glob("*.py")]

READ_KEYS = {name for name, key in UPSTREAM_KEYS.items() if not key.not_built and not key.idle}


@pytest.fixture(scope="module")
def program():
    """The text of all modules and tools, comments and strings left out."""
    texts = []
    for folder in ("slowfast", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path not in DECLARATIONS:
                text = re.sub(r'"""(?:.|\n)*?"""', "", path.read_text())
                texts.append(re.sub(r"(^|\s)#.*", "", text))
    return "\n".join(texts)


@pytest.mark.parametrize("name", sorted((READ_KEYS | set(AK_KEYS)) - set(HONOURED_UNREAD)))
def test_key_is_read_somewhere(name, program):
    group, _, leaf = name.rpartition(".")
    # cfg.SOLVER.BASE_LR, solver.BASE_LR, cfg.DIST_BACKEND, cfg[phase].DATASET, part.DATASET
    owners = [rf"(?i:\b{group.rpartition('.')[2]})"] if group else [r"\bcfg"]
    if group in ("TRAIN", "TEST"):
        owners += [r"\bcfg\[\w+\]", r"\bpart"]
    reading = rf"({'|'.join(owners)})\.{leaf}\b"
    # Or its last part as a text, where a loop goes over several keys.
    assert re.search(rf"{reading}|\"{leaf}\"", program), f"nothing reads {name}"


def test_no_key_is_both_refused_and_idle():
    assert not [name for name, key in UPSTREAM_KEYS.items() if key.not_built and key.idle]


# Whole groups are idle, since the switch that they serve is refused; of the others single keys.
IDLE_GROUPS = (
    "AVA",
    "BENCHMARK",
    "CONTRASTIVE",
    "DEMO",
    "DETECTION",
    "MASK",
    "MULTIGRID",
    "MVIT",
)
IDLE_KEYS = {
    "AUG.MASK_FRAMES",
    "AUG.MASK_RATIO",
    "AUG.MASK_TUBE",
    "AUG.MASK_WINDOW_SIZE",
    "AUG.MAX_MASK_PATCHES_PER_BLOCK",
    "DATA.DECODING_SHORT_SIZE",
    "DATA.IN_VAL_CROP_RATIO",
    "DATA.SSL_BLUR_SIGMA_MAX",
    "DATA.SSL_BLUR_SIGMA_MIN",
    "DATA.SSL_COLOR_BRI_CON_SAT",
    "DATA.SSL_COLOR_HUE",
    "DATA.TRAIN_PCA_EIGVAL",
    "DATA.TRAIN_PCA_EIGVEC",
    "SOLVER.GAMMA",
    "SOLVER.STEP_SIZE",
    "SOLVER.WARMUP_FACTOR",
}


def test_idle_keys_are_those_known_to_be():
    idle = {name for name, key in UPSTREAM_KEYS.items() if key.idle}
    assert {name for name in idle if not name.startswith(IDLE_GROUPS)} == IDLE_KEYS


@pytest.mark.parametrize("group", IDLE_GROUPS)
def test_an_idle_group_has_its_switches_refused(group):
    names = {name: key for name, key in UPSTREAM_KEYS.items() if name.split(".")[0] == group}
    assert all(key.idle or key.not_built for key in names.values())
    # These four have no switch of their own: a network, a data set, a task, a program.
    if group not in ("MVIT", "AVA", "CONTRASTIVE", "BENCHMARK"):
        assert any(key.not_built for key in names.values())
