"""The settings: from ``conf/*.toml`` and the environment to validated objects.

- ``source`` reads the file and the environment, and ``text`` decodes the file.
- ``resolve`` converts the environment's values to the types of the schema.
- ``schema`` checks the values, and ``faults`` describes what is wrong.
- ``model`` has the resulting classes, and ``load`` connects the steps.
- ``secrets`` keeps credentials out of sight.
- ``files`` explains why a file cannot be used.
- ``paths`` resolves relative paths from the folder of the settings file.
- ``deadlines`` has the default deadlines.
- ``snapshot`` has the settings in force.
"""
