"""Parsed answers of providers: trees, the places of items, and the known odd items."""
