"""A plugin that starts a thread when it is imported."""

from __future__ import annotations

import threading
import time

from good_extension import GoodExtension

threading.Thread(target=time.sleep, args=(1,), name="eager", daemon=True).start()


class StartsAThread(GoodExtension):
    breaks, says = "S5", "the import starts threads: ['eager']"
