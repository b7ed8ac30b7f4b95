"""A plugin whose import fails with an AssertionError."""

assert 1 + 1 == 3, "the world is odd"
