"""A plugin whose entry point names an object that is not a class."""

driver = object()
