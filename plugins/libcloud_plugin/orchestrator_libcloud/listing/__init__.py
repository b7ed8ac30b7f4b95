"""Lists for each provider, which are complete or raise an error."""
