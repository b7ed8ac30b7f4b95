"""Parts that OpenStack needs beside Libcloud's driver: settings, login, catalogue, zones."""
