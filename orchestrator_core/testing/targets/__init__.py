"""Plugins under test: how the kit serves them, calls them and watches what they send."""
