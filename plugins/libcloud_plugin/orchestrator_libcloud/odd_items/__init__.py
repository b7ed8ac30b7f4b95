"""Lists in which a driver fails on one item, completed by trials on the recorded answers."""
