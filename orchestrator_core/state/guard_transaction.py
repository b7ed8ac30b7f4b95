"""Protection of the core's transactions while a plugin's code runs in them."""

from __future__ import annotations

from typing import Final, NoReturn, TypeVar

from sqlalchemy import Connection

from orchestrator_core.errors import PluginError
from orchestrator_core.state.writers import Work

T = TypeVar("T")

_ENDING: Final = ("commit", "rollback", "close")


def guard_transaction(work: Work[T]) -> Work[T]:
    """Wrap a plugin's work so that it cannot harm other work in the same transaction.

    The returned work raises PluginError if the plugin's work tries to end the transaction, or
    raises an exception that would end its thread.
    """

    def guarded(connection: Connection) -> T:
        for name in _ENDING:
            setattr(connection, name, _refuse)
        try:
            return work(connection)
        except Exception:
            raise
        except BaseException as error:
            raise PluginError(f"A plugin's transaction raised {type(error).__name__}") from error
        finally:
            for name in _ENDING:
                delattr(connection, name)

    return guarded


def _refuse() -> NoReturn:
    raise PluginError("A plugin must not end a transaction; the core ends it")
