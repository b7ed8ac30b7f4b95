"""Recorded changes of VMs and of their assignments."""
