"""Lists that are complete or an error, for each provider."""
