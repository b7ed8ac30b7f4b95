"""Needs a name that the core does not have; Python tells where it looked for it."""

from orchestrator_core import a_name_that_is_not_there

Driver = a_name_that_is_not_there
