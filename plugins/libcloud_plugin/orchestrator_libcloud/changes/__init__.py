"""Start, stop, reboot and the look for one node."""
