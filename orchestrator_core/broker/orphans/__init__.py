"""Orphans: VMs that carry this installation's marker and that no row of the database owns."""
