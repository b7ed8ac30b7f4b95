"""Every compute provider of Apache Libcloud, by settings alone.

Settings::

    [clouds.aws]
    driver = "libcloud"
    provider = "ec2"                     # Libcloud's own provider name
    key = "env:AWS_ACCESS_KEY_ID"
    secret = "env:AWS_SECRET_ACCESS_KEY"
    region = "eu-west-1"                 # also host, port, secure, ca_file, proxy
    [clouds.aws.arguments]               # anything else for the driver's constructor
    token = "file:/run/secrets/aws-token"
"""

from orchestrator_libcloud.driver import LibcloudDriver

__all__ = ["LibcloudDriver"]
