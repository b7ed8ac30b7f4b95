"""Correct extensions in packages with one fault each."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import fields

from good_extension import GoodExtension, GoodSettings
from orchestrator_core import Call, hookimpl


class IsThereTwice(GoodExtension):
    breaks, says = "S1", "tests-istheretwice-twin"
    twin = True


class HasAnUglyName(GoodExtension):
    breaks, says = "S2", "invalid name"
    called = "Ugly Name"


class HasNoVersion(GoodExtension):
    breaks, says = "S2", "is not a version as in PEP 440"
    package: ClassVar = {"Version": "one"}


class IsForEveryLaterCore(GoodExtension):
    breaks, says = "S3", "no highest version of the core"
    package: ClassVar = {"Requires-Dist": "vm-orchestrator>=0.1"}


class IsForEveryEarlierCore(GoodExtension):
    breaks, says = "S3", "no lowest version of the core"
    package: ClassVar = {"Requires-Dist": "vm-orchestrator<0.2"}


class NeedsNoCore(GoodExtension):
    breaks, says = "S3", "no lowest version of the core"
    package: ClassVar = {"Requires-Dist": ""}


class MisspellsAHook(GoodExtension):
    breaks, says = "S4", "did you mean"

    @hookimpl
    def before_cal(self, call: Call) -> None:
        pass


class WantsOtherArguments(GoodExtension):
    breaks, says = "S4", "user"

    @hookimpl
    def before_call(self, call: Call, user: str) -> None:  # type: ignore[override]
        pass


class IsForAnotherCore(GoodExtension):
    breaks, says = "S4", "needs vm-orchestrator"
    package: ClassVar = {"Requires-Dist": "vm-orchestrator>=9,<10"}


class TakesASettingOfTheCore(GoodExtension):
    breaks, says = "S6", "threads"

    settings_schema = GoodSettings.from_dict({"threads": fields.Integer(load_default=2)})


class HasAPlainPassword(GoodExtension):
    breaks, says = "S7", "smtp_password"

    settings_schema = GoodSettings.from_dict({"smtp_password": fields.String(load_default="")})


class ForgetsToMarkAHook(GoodExtension):
    breaks, says = "S8", "after_call"

    def after_call(self, call: Call, outcome: Any) -> None:
        pass


class HasNoSummary(GoodExtension):
    breaks, says = "S10", "Summary"
    package: ClassVar = {"Summary": ""}


class HasNoReadme(GoodExtension):
    breaks, says = "S10", "Description"
    package: ClassVar = {"readme": ""}


class HasNoLicence(GoodExtension):
    breaks, says = "S10", "License"
    package: ClassVar = {"License-Expression": ""}


class TellsNoPython(GoodExtension):
    breaks, says = "S10", "Requires-Python"
    package: ClassVar = {"Requires-Python": ""}
