"""The integration of gunicorn: its worker, its configuration and its reload."""
