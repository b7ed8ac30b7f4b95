"""Meanings of errors: a provider's code, sentence and status as one of the core's errors."""
