"""Access keys that the fake clouds treat differently."""

from typing import Final

REFUSED_KEY: Final = "AKIAREFUSEDREFUSED00"
"""An access key that the EC2 API refuses, as Amazon does."""
