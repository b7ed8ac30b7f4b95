"""The route ``/metrics``, for Prometheus."""
