"""Start, stop, reboot and lookup of one node."""
