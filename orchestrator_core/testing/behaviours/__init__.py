"""The behaviours that the conformance kit checks, by the kind of plugin."""
