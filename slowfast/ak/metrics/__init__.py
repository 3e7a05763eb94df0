"""Metrics, one family a file, each registered in `slowfast.ak.registries.metrics.METRICS`.

To add a metric, write a file here with a function of scores and targets, and register it with its
facts (`slowfast.ak.registries.metrics.MetricFacts`). Log, tables, files and page read the registry.
"""

import sys

from slowfast.ak.registries.registry import import_all

import_all(sys.modules[__name__])
