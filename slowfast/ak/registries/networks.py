"""The registry of networks, which MODEL.MODEL_NAME names."""

from dataclasses import dataclass

from slowfast.ak.registries.registry import Facts, Registry


@dataclass(frozen=True)
class NetworkFacts(Facts):
    """Facts about a network.

    Args:
        archs: the values of MODEL.ARCH that the network takes; empty: any.
    """

    archs: tuple[str, ...] = ()


NETWORKS: Registry[NetworkFacts] = Registry("network", "MODEL.MODEL_NAME", NetworkFacts)
