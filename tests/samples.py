"""The samples of a scrape, as Prometheus parses them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((f"orchestrator_{name}", tuple(sorted(labels.items()))), 0.0)


def total(found: Samples, name: str, **labels: str) -> float:
    """Return the sum of all samples with these labels, whatever other labels they have."""
    return sum(
        number
        for (one, its), number in found.items()
        if one == f"orchestrator_{name}" and labels.items() <= dict(its).items()
    )
