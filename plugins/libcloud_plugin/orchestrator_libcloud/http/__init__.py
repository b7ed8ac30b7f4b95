"""One call into a cloud over HTTP: connections, deadlines, and the exchange that an error needs."""
