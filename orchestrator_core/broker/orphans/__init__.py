"""Orphans: VMs that carry this installation's marker and that no row owns."""
