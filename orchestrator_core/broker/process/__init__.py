"""This process among those that work on one database: identity, heartbeat, clock."""
