"""Every key of the configuration, by topic: one dictionary from dotted name to ``Key`` a module.

Notable: names and defaults are those of both upstream branches, so that any published YAML loads;
what this tree adds of its own comes in through ``slowfast.config.custom_config``. A key either
is read by some part of this tree, or says in ``not_built`` or ``idle`` why it is not.
"""

from slowfast.config.keys import (
    augmentation,
    contrastive,
    data,
    detection,
    model,
    run,
    solver,
    transformers,
    visualization,
)
from slowfast.config.schema import Key

_TOPICS = (
    run,
    data,
    model,
    solver,
    augmentation,
    transformers,
    contrastive,
    detection,
    visualization,
)

UPSTREAM_KEYS: dict[str, Key] = {name: key for topic in _TOPICS for name, key in topic.KEYS.items()}
