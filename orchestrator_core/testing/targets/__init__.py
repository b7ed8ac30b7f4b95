"""Plugins under test: their servers, clients and logs."""
