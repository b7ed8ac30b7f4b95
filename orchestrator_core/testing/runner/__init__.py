"""The run of a suite: its behaviours, and the report of their results."""
