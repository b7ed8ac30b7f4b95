"""The behaviours that the conformance kit checks, a module for each group."""
