"""Translation of errors: a provider's code, sentence and status become one of the core's errors."""
