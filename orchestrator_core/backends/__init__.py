"""Assignment backends that are part of the core."""
