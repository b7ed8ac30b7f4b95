"""Parsed answers of providers: trees, the places of items, and what is known of odd ones."""
