"""Lists in which a driver fails on one item, kept whole by trials on the recorded answers."""
