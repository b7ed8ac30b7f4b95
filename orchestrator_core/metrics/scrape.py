"""The sum of the measurements of all processes, in the formats that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from orchestrator_core.metrics.catalogue import Spec
from orchestrator_core.metrics.slots import files

Figures = Mapping[Spec, Mapping[tuple[str, ...], float]]
"""The values of gauges, by the values of their labels."""


def scrape(folder: Path, figures: Figures, accept: str) -> tuple[bytes, str]:
    """Return all metrics, and their content type. This blocks.

    Args:
        folder: the folder of the processes' files.
        figures: the gauges that no process measures.
        accept: the header of the request, which chooses between the formats.
    """
    registry = CollectorRegistry()
    registry.register(_Given([*_measured(folder), *_shown(figures)]))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def gauges(folder: Path, spec: Spec) -> Figures:
    """Return one gauge, added up over the processes that live. This blocks.

    Args:
        folder: the folder of the processes' files.
        spec: the gauge.
    """
    found = {
        tuple(str(sample.labels[label]) for label in spec.labels): float(sample.value)
        for metric in _measured(folder)
        if metric.name == spec.full_name
        for sample in metric.samples
    }
    return {spec: found}


class _Given(Collector):
    """A collector of metrics that are at hand."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


def _measured(folder: Path) -> list[Metric]:
    merged: Iterable[Any] = MultiProcessCollector.merge(files(folder))  # type: ignore[no-untyped-call]
    return sorted(merged, key=lambda metric: str(metric.name))


def _shown(figures: Figures) -> Iterator[Metric]:
    for spec, found in figures.items():
        family = GaugeMetricFamily(spec.full_name, spec.meaning, labels=spec.labels)
        for labels, value in found.items():
            family.add_metric(labels, value)
        yield family
