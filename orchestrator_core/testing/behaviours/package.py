"""Behaviours S1 to S10: the package of a plugin, checked without a server and without network."""

from __future__ import annotations

import re
import warnings
from typing import Final

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from orchestrator_core.plugins.record import State
from orchestrator_core.settings.secrets import SecretField, SecretMapping
from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.targets.package import PackageUnderTest
from orchestrator_core.testing.targets.suite import Suite
from orchestrator_core.testing.targets.target import DoesNotApply

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_SECRET: Final = re.compile(
    r"(^|_)(pass(word|wd|phrase)|secret|token|credential|(api|private|access|secret)_?key)s?$"
)


class BasePackage(Suite):
    """The behaviours that can be checked before the plugin is used."""

    @pytest.fixture(scope="class")
    @classmethod
    def package(cls, request: pytest.FixtureRequest) -> PackageUnderTest:
        """Return the installed package."""
        return PackageUnderTest(request.cls.subject)

    @behaviour("S1", gate=True)
    def test_one_package_brings_it(self, package: PackageUnderTest) -> None:
        """Exactly one installed package names the plugin in the entry-point group of its kind.

        The core refuses both of two packages with one name, because credentials could reach the
        wrong one.
        """
        found = [record.distribution for record in package.claims]
        assert len(found) == 1, f"the plugin is named by {found or 'no installed package'}"

    @behaviour("S2")
    def test_name_and_version(self, package: PackageUnderTest) -> None:
        """The plugin's name is short and plain, and its version can be compared.

        Names have 1 to 64 of the characters ``a-z 0-9 . _ -``; versions follow PEP 440.
        """
        assert _NAME.fullmatch(package.subject.name), f"invalid name {package.subject.name!r}"
        try:
            Version(package.record.version)
        except InvalidVersion:
            pytest.fail(f"{package.record.version!r} is not a version as in PEP 440")

    @behaviour("S3")
    def test_core_range(self, package: PackageUnderTest) -> None:
        """The package declares the lowest and the highest version of the core that it supports.

        The core checks the range each time it loads the plugin. Without an upper end, running
        machines would try the plugin with a later core that has another contract.
        """
        if package.is_the_core:
            raise DoesNotApply("the plugin is part of the core")
        text = package.record.requires_core
        operators = {one.operator for one in SpecifierSet(text)}
        assert operators & {">=", ">", "==", "~="}, f"no lowest version of the core in {text!r}"
        assert operators & {"<", "<=", "==", "~="}, f"no highest version of the core in {text!r}"

    @behaviour("S4", gate=True)
    def test_it_loads(self, package: PackageUnderTest) -> None:
        """The module can be imported, and its hooks have the contract's names and arguments.

        Without this check, a hook with a misspelt name or a wrong argument would fail only when a
        caller needs it.
        """
        record = package.loaded
        assert record.state is State.LOADED, (
            f"{record.state.value} at {record.stage}: {record.message}"
        )
        for what in record.deprecations:
            warnings.warn(what, DeprecationWarning, stacklevel=1)

    @behaviour("S5")
    def test_import_is_quiet(self, package: PackageUnderTest) -> None:
        """The import opens no connection and starts no thread.

        Every process of the server imports every plugin, and web workers are forked afterwards. A
        thread does not survive the fork.
        """
        said = package.import_elsewhere()
        assert said == "", said

    @behaviour("S6")
    def test_settings_are_its_own(self, package: PackageUnderTest) -> None:
        """No setting of the plugin has the name of a core setting of the same section.

        The core takes its own keys out of a section first, so the plugin would never see them.
        """
        taken = sorted(set(package.schema.fields) & package.core_keys)
        assert not taken, f"rename these keys; the core has keys of the same names: {taken}"

    @behaviour("S7")
    def test_secrets_are_references(self, package: PackageUnderTest) -> None:
        """Passwords, tokens and keys in the settings are references, never values.

        ``SecretField`` takes ``env:NAME`` and ``file:PATH``, and keeps the value out of logs.
        """
        plain = [
            name
            for name, field in package.schema.fields.items()
            if _SECRET.search(name) and not isinstance(field, SecretField | SecretMapping)
        ]
        assert not plain, f"make these a SecretField: {plain}"

    @behaviour("S8")
    def test_no_hook_is_forgotten(self, package: PackageUnderTest) -> None:
        """Every method with the name of a hook is marked as a hook.

        Without ``@hookimpl`` the core answers that the operation is not supported.
        """
        forgotten = sorted(package.unmarked())
        assert not forgotten, f"mark these methods with @hookimpl: {forgotten}"

    @behaviour("S9")
    def test_public_names_only(self, package: PackageUnderTest) -> None:
        """The package imports only public names of the core.

        All other names may change in any version. ``orchestrator_core.testing`` is public too.
        """
        wrong = sorted(set(package.private_imports()))
        assert not wrong, f"these names are not public: {wrong}"

    @behaviour("S10")
    def test_people_can_read_about_it(self, package: PackageUnderTest) -> None:
        """The metadata has a summary, a README, a licence and the required Python version.

        An operator who installs a package that gets credentials needs to know its purpose and its
        licence.
        """
        missing = package.missing_metadata()
        assert not missing, f"add to the metadata: {missing}"
