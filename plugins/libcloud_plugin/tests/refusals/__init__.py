"""Errors of providers, in the words of their own sources and pages, and their meaning."""

from __future__ import annotations

from refusals.amazon import AMAZON
from refusals.azure import AZURE
from refusals.case import Case
from refusals.google import GOOGLE
from refusals.openstack import OPENSTACK
from refusals.others import OTHERS, VCLOUD

__all__ = ["CASES", "Case"]

CASES = [*OPENSTACK, *GOOGLE, *AMAZON, *AZURE, *OTHERS, *VCLOUD]
