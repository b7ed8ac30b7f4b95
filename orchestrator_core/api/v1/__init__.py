"""Version 1 of the API: its resources, its routes, and the schemas of requests and answers."""
