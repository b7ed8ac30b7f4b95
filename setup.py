"""The core's package; what is plain is in pyproject.toml."""

from setuptools import find_namespace_packages, setup

# Folders of data inside the package are found too: setuptools warns of each that is left out.
packages = find_namespace_packages(include=["orchestrator_core*"], exclude=["*__pycache__*"])

# conf/ stands at the top, where operators look for it, and is shipped inside the package.
setup(
    packages=[*packages, "orchestrator_core.conf"],
    package_dir={"orchestrator_core": "orchestrator_core", "orchestrator_core.conf": "conf"},
)
