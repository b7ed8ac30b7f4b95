"""vSphere: connections and actions that Libcloud's driver lacks."""
