"""A process among those that share one database: its identity, heartbeat and clock."""
