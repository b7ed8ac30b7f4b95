"""Health of the server, for supervisors, load balancers and people."""
