"""A plugin that imports a name that the core lacks; Python's message contains the file's path."""

from orchestrator_core import a_name_that_is_not_there

Driver = a_name_that_is_not_there
