"""The core's package; what is plain is in pyproject.toml."""

from setuptools import find_packages, setup

# conf/ stands at the top, where operators look for it, and is shipped inside the package.
setup(
    packages=[*find_packages(include=["orchestrator_core*"]), "orchestrator_core.conf"],
    package_dir={"orchestrator_core": "orchestrator_core", "orchestrator_core.conf": "conf"},
)
