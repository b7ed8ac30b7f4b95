"""The fields of a start: what each provider takes, and in which form its driver wants it."""
