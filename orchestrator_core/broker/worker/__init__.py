"""The durable worker, and its deletion of old rows."""
