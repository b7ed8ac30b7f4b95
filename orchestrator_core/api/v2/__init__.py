"""Version 2 of the API: the resources of the server, in the conventions of today."""
