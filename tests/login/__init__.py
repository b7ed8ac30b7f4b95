"""Starts of VMs that a user can log in to."""
