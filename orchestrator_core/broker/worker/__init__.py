"""The durable worker, and the deletion of old rows."""
