#!/bin/sh
# Install the packages of OpenStack Zed in a Debian 12 of its own, as root. No service is started.
set -eu
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt-get update
apt-get install -y --no-install-recommends \
  cinder-common glance-common mariadb-server neutron-common nova-common placement-common procps \
  python3-cinder python3-glance python3-keystone python3-neutron python3-nova python3-openstackclient \
  python3-placement python3-pymysql rabbitmq-server uwsgi-plugin-python3
