"""The registry of metrics: the figures that an evaluation or a test reports."""

from dataclasses import dataclass

from slowfast.ak.registries.registry import Facts, Registry


@dataclass(frozen=True)
class MetricFacts(Facts):
    """Facts about a metric.

    Args:
        labels: ``many`` for clips with several classes each, ``one`` for one class a clip.
        title: what tables call the figure.
        unit: ``fraction`` (0 to 1, printed in per cent) or ``classes``.
        higher_is_better: the direction of the figure.
        always: whether every test reports the figure; else TEST.MORE_METRICS asks for it.
    """

    labels: str = "many"
    title: str = ""
    unit: str = "fraction"
    higher_is_better: bool = True
    always: bool = False


METRICS: Registry[MetricFacts] = Registry("metric", "TEST.MORE_METRICS", MetricFacts)
