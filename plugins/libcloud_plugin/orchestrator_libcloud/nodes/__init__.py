"""Conversion of a driver's objects into the contract's: states, addresses, markers."""
