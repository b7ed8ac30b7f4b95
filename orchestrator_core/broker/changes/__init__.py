"""Changes of VMs and assignments, and the steps they take in clouds and backends."""
