"""Lists that a provider sends in pages."""
