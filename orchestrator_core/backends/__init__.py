"""Assignment backends that ship with the core."""
