"""A plugin that imports a missing package."""

import a_package_that_is_not_there

Driver = a_package_that_is_not_there.Driver
