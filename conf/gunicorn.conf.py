"""Gunicorn as Orchestrator runs it; what an operator sets is in orchestrator.toml.

Used by `orchestrator serve`, and by plain gunicorn:

    ORCHESTRATOR_CONFIG=conf/orchestrator.toml \
        gunicorn -c conf/gunicorn.conf.py 'orchestrator_core.app:create_app()'
"""

from orchestrator_core.server import gunicorn as orchestrator

_server = orchestrator.server_settings()

wsgi_app = "orchestrator_core.app:create_app()"

# Gunicorn's own ASGI worker, with time limits for slow clients and JSON for every refusal.
worker_class = orchestrator.WORKER

# Callers wait as coroutines: a worker for each core is enough.
workers = _server.workers
bind = _server.bind
umask = 0o777 & ~_server.socket_mode  # of the file of a Unix socket, and of nothing else
if _server.tls is not None:
    # Gunicorn says "https" for these; the certificate itself is read once, in on_starting.
    certfile, keyfile = str(_server.tls.certificate), str(_server.tls.key)
keepalive = _server.keepalive
limit_request_line = _server.limit_request_line
limit_request_fields = _server.limit_request_fields
limit_request_field_size = _server.limit_request_field_size
root_path = _server.root_path
if _server.forwarded_allow_ips is not None:  # otherwise the variable FORWARDED_ALLOW_IPS counts
    forwarded_allow_ips = _server.forwarded_allow_ips

# A worker that stops finishes what is in flight, a start of some minutes included.
graceful_timeout = orchestrator.graceful_timeout()

# The event loop reports every second; one that is silent for so long is stuck for good.
timeout = 60

# Tell who stopped or broke what, not who asked for what: cloud calls have lines of their own.
logger_class = orchestrator.LOGGER
loglevel = _server.log_level
accesslog = None

# Nothing but gunicorn's own tools would use it, and it would be made in a home directory.
control_socket_disable = True

on_starting = orchestrator.on_starting
