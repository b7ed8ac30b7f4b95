"""The remedies for parts that cannot be used: each error has one, which names the section."""

from __future__ import annotations

import pytest

from orchestrator_core import errors
from orchestrator_core.cli import remedies
from orchestrator_core.errors import CloudError, OrchestratorError, Refused


def every(kind: type[OrchestratorError]) -> list[type[OrchestratorError]]:
    return [kind, *(sub for one in kind.__subclasses__() for sub in every(one))]


@pytest.mark.parametrize("kind", every(CloudError), ids=lambda kind: kind.__name__)
def test_each_error_of_a_cloud_has_a_remedy(kind: type[OrchestratorError]) -> None:
    error = kind.__new__(kind)
    found = remedies.of_call(error, "[clouds.a]")
    assert "[clouds.a]" in found
    assert "{" not in found


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.CredentialsRefused("x"), "correct the credentials in [clouds.a], or the variables"),
        (errors.CloudTimeout("x"), "no firewall or proxy"),
        (errors.CloudUnreachable("x"), "that the service runs"),
        (errors.InvalidAnswer("x"), "not of a proxy or a login page"),
        (Refused("x"), "what the service does not accept"),
        (errors.Unsupported("x"), "correct [clouds.a]"),
    ],
)
def test_the_remedy_fits_the_error(error: OrchestratorError, words: str) -> None:
    assert words in remedies.of_call(error, "[clouds.a]")
