"""Version 1 of the API: resources, the schemas that check and shape, and its routes."""
