"""The database's clock, compared with the one of this machine that nobody sets.

Leases and deadlines go by the database's clock. If it is set, an NTP server is wrong or a machine
was paused, it jumps: a lease that has hours left would end, and a living VM be destroyed. Each
process therefore compares how far the two clocks advance between two of its heartbeats. A
difference above a setting is recorded (:mod:`orchestrator_core.state.clock_hold`).

The machine's clock goes on in suspend, but not while the machine is off: after a boot there is
nothing to compare with, and the database's clock is believed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection

from orchestrator_core.errors import Held
from orchestrator_core.state import clock_hold
from orchestrator_core.state.clock_hold import Anchor, Reading
from orchestrator_core.uptime import uptime

_log = structlog.get_logger(__name__)

_PROC: Final = Path("/proc")

_NOISE: Final = 1.0
"""Seconds by which the two clocks may differ without a jump: a read takes its time."""

_REMEMBERED: Final = 86_400.0
"""Seconds for which a jump forward is remembered."""

LAG: Final = 600.0
"""Seconds by which a grace period may be asked about after the moment that it is measured at."""

UNKNOWN_JUMP: Final = 1e9
"""Seconds that stand for a jump whose size this machine cannot tell."""

HELP: Final = "orchestrator db clock"


class ClockInDoubt(Held):
    """The database's clock has jumped, and no operator has confirmed it yet."""

    code = "clock_in_doubt"


class ClockWatch:
    """One process's view of the database's clock; its methods may be called from any thread.

    Args:
        tolerance: seconds by which the clock may jump.
        lease: seconds of silence after which a process counts as dead.
        beat: seconds between two heartbeats.
    """

    def __init__(self, tolerance: float, lease: float, beat: float) -> None:
        self._tolerance = tolerance
        self._lease = lease
        self._beat = beat
        self._machine = machine()
        self._anchor: Anchor | None = None
        self._doubted: Anchor | None = None
        self._jumps: tuple[tuple[float, float], ...] = ()
        self._trusted_from = 0.0
        self._steady_from = 0.0

    def observe(self, connection: Connection) -> None:
        """Compare the clocks and record what follows; with each heartbeat, in its transaction."""
        reading, before, after = self._read(connection)
        anchor = self._anchor_in(connection, reading)
        if anchor is None:
            if not reading.why:
                self._begin(connection, Anchor(reading.epoch, reading.at, after, after))
            return
        jump = _jump(anchor, reading.at, before, after)
        self._note(jump)
        if abs(jump) > self._tolerance:
            self._doubted = anchor
            gap = after - anchor.uptime
            if not reading.why and clock_hold.hold(connection, reading, _words(jump), gap):
                _log.error("the database's clock has jumped", seconds=round(jump), help=HELP)
        elif not reading.why:
            self._move(connection, Anchor(reading.epoch, reading.at, after, anchor.since))
        elif self._has_known(anchor, reading) and clock_hold.release(connection, reading.epoch):
            _log.info("the database's clock is back")
            self._move(connection, Anchor(reading.epoch + 1, reading.at, after, anchor.since))

    def notice(self, connection: Connection) -> None:
        """Record a jump that is not tolerated, which else the next heartbeat would.

        To be called before statements that go by whether the clock is in doubt.
        """
        reading, before, after = self._read(connection)
        anchor = self._anchor_in(connection, reading)
        if anchor is None or reading.why:
            return
        if abs(_jump(anchor, reading.at, before, after)) > self._tolerance:
            self.observe(connection)

    def check(self, connection: Connection) -> None:
        """Return if the clock can be believed; to be called after the statements that rely on it.

        Raises:
            ClockInDoubt: if it cannot; what the transaction has written must not stay.
        """
        reading, before, after = self._read(connection)
        if reading.why:
            raise ClockInDoubt(f"The database's clock is in doubt: {reading.why}; see: {HELP}")
        anchor = self._anchor
        if anchor is None or anchor.epoch != reading.epoch or after < self._trusted_from:
            raise ClockInDoubt("The database's clock was not compared yet")
        jump = _jump(anchor, reading.at, before, after)
        self._note(jump)
        if abs(jump) > self._tolerance:
            raise ClockInDoubt(f"The database's clock is in doubt: {_words(jump)}; see: {HELP}")

    def gained(self, connection: Connection, seconds: float) -> float:
        """Return by how many seconds the clock has jumped forward within a time until now.

        A grace period or a limit that goes by the clock lasts that much longer by it, so that a
        jump does not end it. Jumps that are tolerated count as well.

        Args:
            connection: of a transaction.
            seconds: the time until now, by the machine's clock; a day at most.

        Returns:
            ``UNKNOWN_JUMP`` while the clock is in doubt and this machine has not seen the jump.
        """
        reading, before, after = self._read(connection)
        anchor = self._anchor_in(connection, reading)
        if anchor is None:
            return UNKNOWN_JUMP if reading.why else 0.0
        jump = _jump(anchor, reading.at, before, after)
        recent = sum(size for at, size in self._jumps if at > after - seconds)
        return recent + (jump if jump > _NOISE else 0.0)

    def is_steady(self) -> bool:
        """Whether silent processes may be taken for dead.

        After a jump forward all others seem silent, until each has had its next heartbeat.
        """
        return uptime() >= self._steady_from

    def _read(self, connection: Connection) -> tuple[Reading, float, float]:
        before = uptime()
        reading = clock_hold.read(connection)
        return reading, before, uptime()

    def _anchor_in(self, connection: Connection, reading: Reading) -> Anchor | None:
        """Return the last reading of this epoch, by this process or another one of this boot."""
        anchor = self._anchor
        if anchor is None or anchor.epoch != reading.epoch:
            anchor = clock_hold.anchor_of(connection, self._machine)
        if anchor is None or anchor.epoch != reading.epoch or anchor.uptime > uptime():
            return None
        self._replace(anchor)
        return anchor

    def _has_known(self, anchor: Anchor, reading: Reading) -> bool:
        """Whether this machine has compared the clocks since before the jump, so that it can tell.

        One that began after the jump sees nothing wrong with the clock.
        """
        return anchor is self._doubted or anchor.uptime - anchor.since > reading.gap

    def _begin(self, connection: Connection, anchor: Anchor) -> None:
        """Make the first reading of this machine.

        It may come right after a jump. Where other machines read the clock as well, it is trusted
        once they have had the time to notice.
        """
        if clock_hold.has_others(connection, self._machine):
            self._trusted_from = anchor.uptime + 2 * self._beat
        self._move(connection, anchor)

    def _move(self, connection: Connection, anchor: Anchor) -> None:
        clock_hold.keep_anchor(connection, self._machine, anchor)
        self._replace(anchor)

    def _replace(self, anchor: Anchor) -> None:
        """Compare with another reading from now on, and remember a jump forward up to it."""
        before, self._anchor = self._anchor, anchor
        if before is None or before is anchor:
            return
        jump = (anchor.at - before.at) - (anchor.uptime - before.uptime)
        if jump > _NOISE:
            recent = (one for one in self._jumps if one[0] > anchor.uptime - _REMEMBERED)
            # Replaced and never changed: other threads read it meanwhile.
            self._jumps = (*recent, (anchor.uptime, jump))

    def _note(self, jump: float) -> None:
        if abs(jump) > self._lease / 2:
            self._steady_from = uptime() + self._lease


def machine() -> str:
    """Return what names this boot of this machine, within one namespace of times."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = "unknown"
    try:
        times = (_PROC / "self/ns/time").stat().st_ino
    except OSError:
        times = 0
    return f"{boot}/{times}"


def _jump(anchor: Anchor, at: float, before: float, after: float) -> float:
    """Return by how many seconds the database's clock has advanced too far, or too little.

    It was read at some moment between two readings of the machine's own clock.
    """
    advance = at - anchor.at
    least, most = before - anchor.uptime, after - anchor.uptime
    return advance - most if advance > most else min(0.0, advance - least)


def _words(jump: float) -> str:
    way = "forward" if jump > 0 else "back"
    return f"it went {way} by {abs(jump):.0f} s against the clock of a machine"
