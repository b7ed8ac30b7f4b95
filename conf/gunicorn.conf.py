"""Orchestrator's configuration of gunicorn; the settings of operators are in orchestrator.toml.

`orchestrator serve` uses this file, and so can plain gunicorn:

    ORCHESTRATOR_CONFIG=conf/orchestrator.toml \
        gunicorn -c conf/gunicorn.conf.py 'orchestrator_core.app:create_app()'
"""

from orchestrator_core.server import gunicorn as orchestrator

_server = orchestrator.server_settings()

wsgi_app = "orchestrator_core.app:create_app()"

# Gunicorn's ASGI worker with time limits for slow clients, and with JSON for every refusal.
worker_class = orchestrator.WORKER

# Callers wait as coroutines, so one worker for each core is enough.
workers = _server.workers
bind = _server.bind
umask = 0o777 & ~_server.socket_mode  # only for the file of a Unix socket
if _server.tls is not None:
    # Gunicorn needs these to log "https" addresses; on_starting reads the certificate once.
    certfile, keyfile = str(_server.tls.certificate), str(_server.tls.key)
keepalive = _server.keepalive
limit_request_line = _server.limit_request_line
limit_request_fields = _server.limit_request_fields
limit_request_field_size = _server.limit_request_field_size
root_path = _server.root_path
if _server.forwarded_allow_ips is not None:  # otherwise the variable FORWARDED_ALLOW_IPS applies
    forwarded_allow_ips = _server.forwarded_allow_ips

# A stopping worker finishes its requests in flight; a start may take some minutes.
graceful_timeout = orchestrator.graceful_timeout()

# The event loop sends a heartbeat every second. After this many seconds of silence it is stuck.
timeout = 60

# Log stops and failures but no requests: each call of a cloud has its own log line.
logger_class = orchestrator.LOGGER
loglevel = _server.log_level
accesslog = None

# Only gunicorn's own tools would use the socket, and gunicorn would create it in a home directory.
control_socket_disable = True

on_starting = orchestrator.on_starting
when_ready = orchestrator.when_ready
