"""A remedy for a defect of Python that made tests fail at random.

Before Python 3.11.8 and 3.12.2, :func:`ast.parse` ends with ``SystemError: AST constructor
recursion depth mismatch`` if garbage is collected while it runs and a finalizer or another thread
parses meanwhile (python/cpython#106905). In 3.11, each traceback that is logged parses its lines.
"""

from __future__ import annotations

import ast
import gc
import sys
import threading
from typing import Any

_IS_MENDED = sys.version_info >= (3, 12, 2) or (3, 11, 8) <= sys.version_info < (3, 12)

_lock = threading.RLock()
_parse = ast.parse


def parse_undisturbed() -> None:
    """Have :func:`ast.parse` run alone and without garbage collection in this process."""
    if not _IS_MENDED:
        vars(ast)["parse"] = _alone


def _alone(*arguments: Any, **options: Any) -> Any:
    with _lock:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return _parse(*arguments, **options)
        finally:
            if was_enabled:
                gc.enable()
