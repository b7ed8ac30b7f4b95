"""S: what a plugin's package says of itself. Nothing is served, no network is used."""

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
    """What anybody can check before the plugin is used."""

    @pytest.fixture(scope="class")
    @classmethod
    def package(cls, request: pytest.FixtureRequest) -> PackageUnderTest:
        """The installed package."""
        return PackageUnderTest(request.cls.subject)

    @behaviour("S1", gate=True)
    def test_one_package_brings_it(self, package: PackageUnderTest) -> None:
        """Exactly one installed package names it in the entry-point group of its kind.

        Two packages with one name are both refused by the core, since credentials could reach the
        wrong one.
        """
        found = [record.distribution for record in package.claims]
        assert len(found) == 1, f"it is named by {found or 'no installed package'}"

    @behaviour("S2")
    def test_name_and_version(self, package: PackageUnderTest) -> None:
        """Its name is short and plain, and its version is one that tools can compare.

        Names are 1 to 64 of ``a-z 0-9 . _ -``; versions are those of PEP 440.
        """
        assert _NAME.fullmatch(package.subject.name), f"the name {package.subject.name!r}"
        try:
            Version(package.record.version)
        except InvalidVersion:
            pytest.fail(f"{package.record.version!r} is no version of PEP 440")

    @behaviour("S3")
    def test_core_range(self, package: PackageUnderTest) -> None:
        """It says which versions of the core it is for, with a lower and an upper end.

        The core checks the range each time it loads the plugin. Without an upper end a later core
        with another contract would be tried on running machines.
        """
        if package.is_the_core:
            raise DoesNotApply("it is part of the core")
        text = package.record.requires_core
        operators = {one.operator for one in SpecifierSet(text)}
        assert operators & {">=", ">", "==", "~="}, f"no lowest version of the core: {text!r}"
        assert operators & {"<", "<=", "==", "~="}, f"no end of the core's versions: {text!r}"

    @behaviour("S4", gate=True)
    def test_it_loads(self, package: PackageUnderTest) -> None:
        """It imports, and its hooks are those of the contract, with the contract's arguments.

        A hook that is misspelt, or takes what the core does not give, would fail only when somebody
        needs it.
        """
        record = package.loaded
        assert record.state is State.LOADED, (
            f"{record.state.value} at {record.stage}: {record.message}"
        )
        for what in record.deprecations:
            warnings.warn(what, DeprecationWarning, stacklevel=1)

    @behaviour("S5")
    def test_import_is_quiet(self, package: PackageUnderTest) -> None:
        """Importing it connects to nobody and starts no thread.

        Every process of the server imports every plugin, and web workers are forked afterwards:
        a thread does not live through that.
        """
        said = package.import_elsewhere()
        assert said == "", said

    @behaviour("S6")
    def test_settings_are_its_own(self, package: PackageUnderTest) -> None:
        """None of its settings has the name of one of the core's for the same section.

        The core takes its own keys out of a section first: the plugin would never see them.
        """
        taken = sorted(set(package.schema.fields) & package.core_keys)
        assert not taken, f"the core has keys of these names: {taken}"

    @behaviour("S7")
    def test_secrets_are_references(self, package: PackageUnderTest) -> None:
        """Passwords, tokens and keys among its settings are references, never values.

        ``SecretField`` takes ``env:NAME`` and ``file:PATH``, and keeps what it reads out of logs.
        """
        plain = [
            name
            for name, field in package.schema.fields.items()
            if _SECRET.search(name) and not isinstance(field, SecretField | SecretMapping)
        ]
        assert not plain, f"no SecretField: {plain}"

    @behaviour("S8")
    def test_no_hook_is_forgotten(self, package: PackageUnderTest) -> None:
        """Every method that is called like a hook is marked as one.

        Without ``@hookimpl`` the core would answer that the operation is not supported.
        """
        forgotten = sorted(package.unmarked())
        assert not forgotten, f"without @hookimpl: {forgotten}"

    @behaviour("S9")
    def test_public_names_only(self, package: PackageUnderTest) -> None:
        """It imports nothing of the core but the public names.

        All others may change in any version. ``orchestrator_core.testing`` is public too.
        """
        wrong = sorted(set(package.private_imports()))
        assert not wrong, f"not public: {wrong}"

    @behaviour("S10")
    def test_people_can_read_about_it(self, package: PackageUnderTest) -> None:
        """Its metadata has a summary, a README, a licence and the Python that it needs.

        Whoever installs it with credentials in hand wants to know what it is and what one may do
        with it.
        """
        missing = package.missing_metadata()
        assert not missing, f"the metadata lacks: {missing}"
