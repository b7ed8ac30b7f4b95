"""Checks of a provider's statement that a thing is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from orchestrator_core import CloudError, ImageNotFound, NodeNotFound, NotFound
from orchestrator_libcloud.errors.errors import says_missing
from orchestrator_libcloud.errors.gone import Names, gone_of, names_image
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.nodes.states import modules

_NO_DOMAIN: Final = 42
"""``libvirt.VIR_ERR_NO_DOMAIN``: the hypervisor's own statement about the UUID that it was asked
for.
"""


@contextmanager
def believed(
    driver: Any, names: Names, missing: NodeNotFound, is_listed: Callable[[], bool]
) -> Iterator[None]:
    """Turn errors that say that a node is gone into ``missing``, if they can be believed.

    Args:
        driver: the Libcloud driver object.
        names: the names that the provider may use for the node.
        missing: the error to raise.
        is_listed: fetches a complete list and returns whether it shows the node.

    Raises:
        NodeNotFound: the provider names the node as missing, or the list does not show it.
        CloudError: the list still shows the node.
        Exception: any other error, and an error of the list, unchanged.
    """
    try:
        yield
    except NotFound:
        raise
    except Exception as error:
        if is_told(driver, names, error):
            raise missing from error
        if not says_missing(error, _exchange()):
            raise
        confirm(missing, is_listed, error)


@contextmanager
def image_believed(
    image_id: str, missing: ImageNotFound, is_listed: Callable[[], bool]
) -> Iterator[None]:
    """Do the same as :func:`believed` for an image."""
    try:
        yield
    except NotFound:
        raise
    except Exception as error:
        exchange = _exchange()
        if exchange.error is not None and names_image(exchange.error, image_id):
            raise missing from error
        if not says_missing(error, exchange):
            raise
        confirm(missing, is_listed, error)


def confirm(
    missing: NotFound, is_listed: Callable[[], bool], cause: Exception | None = None
) -> None:
    """Raise ``missing`` if a complete list does not show the thing either.

    Raises:
        NotFound: the list does not show the thing.
        CloudError: the list shows it: the provider contradicts itself.
    """
    if not is_listed():
        raise missing from cause
    call = current()
    name = "?" if call is None else call.terms.cloud
    # The two answers contradict each other, so act on neither.
    raise CloudError(
        f"Cloud {name} contradicts itself: {missing.message}, but the node is in its list"
    ) from cause


def is_told(driver: Any, names: Names, error: Exception | None = None) -> bool:
    """Return whether the provider has just said, in its own words, that this node is gone."""
    known = modules(driver)
    if error is not None and type(error).__name__ == "libvirtError":
        return error.get_error_code() == _NO_DOMAIN  # type: ignore[attr-defined, no-any-return]
    exchange = _exchange()
    return exchange.error is not None and gone_of(known).is_answer(exchange.error, names)


def _exchange() -> Exchange:
    call = current()
    return Exchange() if call is None else call.exchange
