"""The ledger of VMs: the known VMs, their holders and their leases."""
