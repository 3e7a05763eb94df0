"""The registry of data sets, which TRAIN.DATASET and TEST.DATASET name."""

from dataclasses import dataclass

from slowfast.ak.registries.registry import Facts, Registry


@dataclass(frozen=True)
class DatasetFacts(Facts):
    """Facts about a data set.

    Args:
        labels: ``many`` where a clip may carry several classes, ``one`` where each carries one,
            ``any`` where DATA.MULTI_LABEL decides.
        has_test_list: whether the data set has a list of test clips of its own. Otherwise the
            validation list serves as the test set.
    """

    labels: str = "any"
    has_test_list: bool = False


DATASETS: Registry[DatasetFacts] = Registry("data set", "TRAIN.DATASET", DatasetFacts)
