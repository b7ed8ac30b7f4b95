"""The run of a suite: which behaviours it has, and the report of their results."""
