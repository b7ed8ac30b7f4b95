"""Every change of a VM, and of who holds it, in the right order."""
