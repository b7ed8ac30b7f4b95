"""Comparison of the database's clock with this machine's uptime, which cannot be set.

Leases and deadlines use the database's clock. The clock jumps if it is set, if an NTP server is
wrong or if a machine was paused. A lease that has hours left would then expire, and a living VM
would be destroyed. Each process therefore compares how far the two clocks advance between two of
its heartbeats. A difference above a setting is recorded
(:mod:`orchestrator_core.state.clock_hold`).

The machine's uptime continues in suspend, but not while the machine is off. After a boot there is
no earlier reading to compare with, and the database's clock is trusted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection

from orchestrator_core.refusals import ClockInDoubt
from orchestrator_core.state import clock_hold
from orchestrator_core.state.clock_hold import Anchor, Reading
from orchestrator_core.uptime import uptime

_log = structlog.get_logger(__name__)

_PROC: Final = Path("/proc")

_NOISE: Final = 1.0
"""Seconds by which the two clocks may differ without a jump, because a read takes time."""

_REMEMBERED: Final = 86_400.0
"""Seconds for which a jump forward is remembered."""

LAG: Final = 600.0
"""Seconds that may pass between the moment for which a grace period is measured and its check."""

UNKNOWN_JUMP: Final = 1e9
"""Seconds that stand for a jump whose size this machine does not know."""

HELP: Final = "orchestrator db clock"


class ClockWatch:
    """One process's view of the database's clock; its methods may be called from any thread.

    Args:
        tolerance: The seconds by which the clock may jump.
        process_timeout: The seconds without a heartbeat after which a process counts as dead
        beat: The seconds between two heartbeats.
    """

    def __init__(self, tolerance: float, process_timeout: float, beat: float) -> None:
        self._tolerance = tolerance
        self._process_timeout = process_timeout
        self._beat = beat
        self._machine = machine()
        self._anchor: Anchor | None = None
        self._doubted: Anchor | None = None
        self._jumps: tuple[tuple[float, float], ...] = ()
        self._trusted_from = 0.0
        self._steady_from = 0.0

    def observe(self, connection: Connection) -> None:
        """Compare the clocks and record the result; for each heartbeat, in its transaction."""
        reading, before, after = self._read(connection)
        anchor = self._anchor_in(connection, reading)
        if anchor is None:
            if not reading.reason:
                self._begin(connection, Anchor(reading.epoch, reading.at, after, after))
            return
        jump = _jump(anchor, reading.at, before, after)
        self._note(jump)
        if abs(jump) > self._tolerance:
            self._doubted = anchor
            gap = after - anchor.uptime
            if not reading.reason and clock_hold.hold(connection, reading, _words(jump), gap):
                _log.error("the database's clock has jumped", seconds=round(jump), help=HELP)
        elif not reading.reason:
            self._move(connection, Anchor(reading.epoch, reading.at, after, anchor.since))
        elif self._has_known(anchor, reading) and clock_hold.release(connection, reading.epoch):
            _log.info("the database's clock is back")
            self._move(connection, Anchor(reading.epoch + 1, reading.at, after, anchor.since))

    def notice(self, connection: Connection) -> None:
        """Record a jump above the tolerance now, instead of at the next heartbeat.

        Call this before statements that depend on whether the clock is in doubt.
        """
        reading, before, after = self._read(connection)
        anchor = self._anchor_in(connection, reading)
        if anchor is None or reading.reason:
            return
        if abs(_jump(anchor, reading.at, before, after)) > self._tolerance:
            self.observe(connection)

    def check(self, connection: Connection) -> None:
        """Check that the clock can be trusted; call this after the statements that rely on it.

        Raises:
            ClockInDoubt: The clock cannot be trusted; the caller must roll its transaction back.
        """
        reading, before, after = self._read(connection)
        if reading.reason:
            raise ClockInDoubt(f"The database's clock is in doubt: {reading.reason}; see: {HELP}")
        anchor = self._anchor
        if anchor is None or anchor.epoch != reading.epoch or after < self._trusted_from:
            raise ClockInDoubt("The database's clock has not been compared yet")
        jump = _jump(anchor, reading.at, before, after)
        self._note(jump)
        if abs(jump) > self._tolerance:
            raise ClockInDoubt(f"The database's clock is in doubt: {_words(jump)}; see: {HELP}")

    def gained(self, connection: Connection, seconds: float) -> float:
        """Return by how many seconds the clock has jumped forward in the recent past.

        Add this to a grace period or a limit that uses the clock, so that a jump does not end it.
        Tolerated jumps count as well.

        Args:
            connection: The connection of the caller's transaction.
            seconds: The length of the period until now, by the machine's clock; at most a day.

        Returns:
            The size of the jumps; ``UNKNOWN_JUMP`` if the clock is in doubt and this machine has
            not seen the jump.
        """
        reading, before, after = self._read(connection)
        anchor = self._anchor_in(connection, reading)
        if anchor is None:
            return UNKNOWN_JUMP if reading.reason else 0.0
        jump = _jump(anchor, reading.at, before, after)
        recent = sum(size for at, size in self._jumps if at > after - seconds)
        return recent + (jump if jump > _NOISE else 0.0)

    def is_steady(self) -> bool:
        """Return whether processes without a recent heartbeat may be considered dead.

        After a jump forward all other processes seem silent until their next heartbeat.
        """
        return uptime() >= self._steady_from

    def _read(self, connection: Connection) -> tuple[Reading, float, float]:
        before = uptime()
        reading = clock_hold.read(connection)
        return reading, before, uptime()

    def _anchor_in(self, connection: Connection, reading: Reading) -> Anchor | None:
        """Return the last reading of this epoch on this boot, of this or another process."""
        anchor = self._anchor
        if anchor is None or anchor.epoch != reading.epoch:
            anchor = clock_hold.anchor_of(connection, self._machine)
        if anchor is None or anchor.epoch != reading.epoch or anchor.uptime > uptime():
            return None
        self._replace(anchor)
        return anchor

    def _has_known(self, anchor: Anchor, reading: Reading) -> bool:
        """Return whether this machine's readings began before the jump.

        Only such a machine can see that the clock is back. A machine that began after the jump
        sees no difference.
        """
        return anchor is self._doubted or anchor.uptime - anchor.since > reading.gap

    def _begin(self, connection: Connection, anchor: Anchor) -> None:
        """Make the first reading of this machine.

        The clock may have jumped just before. If other machines read the clock as well, this
        process trusts it only after they have had time to notice a jump.
        """
        if clock_hold.has_others(connection, self._machine):
            self._trusted_from = anchor.uptime + 2 * self._beat
        self._move(connection, anchor)

    def _move(self, connection: Connection, anchor: Anchor) -> None:
        clock_hold.keep_anchor(connection, self._machine, anchor)
        self._replace(anchor)

    def _replace(self, anchor: Anchor) -> None:
        """Use another reading for comparisons from now on; remember a jump forward up to it."""
        before, self._anchor = self._anchor, anchor
        if before is None or before is anchor:
            return
        jump = (anchor.at - before.at) - (anchor.uptime - before.uptime)
        if jump > _NOISE:
            recent = (one for one in self._jumps if one[0] > anchor.uptime - _REMEMBERED)
            # The tuple is replaced and never modified: other threads read it at the same time.
            self._jumps = (*recent, (anchor.uptime, jump))

    def _note(self, jump: float) -> None:
        if abs(jump) > self._process_timeout / 2:
            self._steady_from = uptime() + self._process_timeout


def machine() -> str:
    """Return a name for this boot of this machine and this process's time namespace."""
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
    """Return the seconds by which the database's clock has advanced too far, or too little (< 0).

    The database's clock was read at some moment between two readings of the machine's uptime.
    """
    advance = at - anchor.at
    least, most = before - anchor.uptime, after - anchor.uptime
    return advance - most if advance > most else min(0.0, advance - least)


def _words(jump: float) -> str:
    way = "forward" if jump > 0 else "back"
    return f"it went {way} by {abs(jump):.0f} s against the clock of a machine"
