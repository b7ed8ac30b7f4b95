"""Asserts something wrong when it is imported."""

assert 1 + 1 == 3, "the world is odd"
