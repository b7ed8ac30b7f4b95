"""A driver's objects as those of the contract: states, addresses, markers."""
