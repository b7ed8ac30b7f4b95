"""Resizes, renames, images of nodes and console output, one module for each provider."""
