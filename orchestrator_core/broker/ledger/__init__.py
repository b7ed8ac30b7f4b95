"""The ledger of VMs: which there are, who holds them, and until when."""
