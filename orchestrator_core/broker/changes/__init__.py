"""Changes of VMs and assignments: each step that is made at a cloud or a backend."""
