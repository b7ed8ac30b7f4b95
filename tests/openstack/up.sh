#!/bin/bash
# Start OpenStack Zed on 127.0.0.1, in a Debian 12 with the packages of install.sh, as root.
# Settings, data, logs and pids are in run/ beside this file; ./down.sh stops everything.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
etc=$here/run/etc var=$here/run/var log=$here/run/log pids=$here/run/pids
export LC_ALL=C PYTHONPATH=$here/drivers PYTHONWARNINGS=ignore
mkdir -p $etc $var/{images,db,staging,tasks,locks,nova,neutron,cinder,rabbit} $log/rabbit $pids $etc/fernet $etc/credential
chmod 777 $var # the database and the queue have users of their own
P=not-a-secret
RABBIT=rabbit://guest:guest@127.0.0.1:15673/

run() { # run NAME COMMAND...: in the background, with its pid on record
  local name=$1; shift
  setsid "$@" > $log/$name.log 2>&1 < /dev/null &
  echo $! > $pids/$name
}
wait_for() { # wait_for WHAT COMMAND...
  local what=$1; shift
  for _ in $(seq 300); do "$@" > /dev/null 2>&1 && return; sleep 0.3; done
  echo "$what does not answer; see $log" >&2; exit 1
}
py() { echo "from $1 import main; main()"; }

sql() { mariadb --socket=$var/db.sock "$@"; }
# --- database and queue
[ -d $var/db/mysql ] || mariadb-install-db --no-defaults --user=mysql --datadir=$var/db --auth-root-authentication-method=normal > $log/install-db.log 2>&1
run db mariadbd --no-defaults --user=mysql --datadir=$var/db --socket=$var/db.sock --pid-file=$var/db/pid \
  --port=13306 --bind-address=127.0.0.1 --max-connections=500 --innodb-flush-log-at-trx-commit=0
export RABBITMQ_NODENAME=stack@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=15673 RABBITMQ_DIST_PORT=15674 ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=15675
export RABBITMQ_MNESIA_BASE=$var/rabbit RABBITMQ_LOG_BASE=$log/rabbit RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
chown rabbitmq $var/rabbit $log/rabbit
run rabbit setpriv --reuid=rabbitmq --regid=rabbitmq --clear-groups env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
wait_for mariadb sql -e 'select 1'
for db in keystone glance placement nova nova_api nova_cell0 neutron cinder; do
  sql -e "create database if not exists $db character set utf8mb3; grant all on $db.* to 'stack'@'localhost' identified by '$P'; grant all on $db.* to 'stack'@'127.0.0.1' identified by '$P'"
done
db() { echo "mysql+pymysql://stack:$P@127.0.0.1:13306/$1"; }

# --- settings
authtoken="[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:15000/v3
auth_url = http://127.0.0.1:15000/v3
auth_type = password
username = service
password = $P
project_name = service
user_domain_name = Default
project_domain_name = Default
service_token_roles = service
service_token_roles_required = true
region_name = RegionOne"
login="${authtoken#*$'\n'}"
service_user="[service_user]
send_service_user_token = true
$login"
cat > $etc/keystone.conf <<E
[DEFAULT]
[database]
connection = $(db keystone)
[token]
provider = fernet
expiration = 3600
[fernet_tokens]
key_repository = $etc/fernet
[credential]
key_repository = $etc/credential
E
cat > $etc/glance.conf <<E
[DEFAULT]
bind_host = 127.0.0.1
bind_port = 19292
workers = 1
enabled_backends = files:file
enable_v2_api = true
[database]
connection = $(db glance)
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = $var/images
[os_glance_staging_store]
filesystem_store_datadir = $var/staging
[os_glance_tasks_store]
filesystem_store_datadir = $var/tasks
[paste_deploy]
flavor = keystone
config_file = /usr/share/glance-common/glance-api-paste.ini
$authtoken
E
cat > $etc/placement.conf <<E
[placement_database]
connection = $(db placement)
[api]
auth_strategy = keystone
$authtoken
E
cat > $etc/nova.conf <<E
[DEFAULT]
my_ip = 127.0.0.1
host = one
state_path = $var/nova
transport_url = $RABBIT
compute_driver = onemachine_guests.Driver
enabled_apis = osapi_compute
osapi_compute_listen = 127.0.0.1
osapi_compute_listen_port = 18774
osapi_compute_workers = 2
allow_resize_to_same_host = true
resize_confirm_window = 0
[api]
auth_strategy = keystone
[wsgi]
api_paste_config = /usr/share/nova-common/api-paste.ini
[quota]
instances = 60
cores = 400
ram = 4000000
[database]
connection = $(db nova)
[api_database]
connection = $(db nova_api)
[oslo_concurrency]
lock_path = $var/locks
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 20
[glance]
api_servers = http://127.0.0.1:19292
[cinder]
catalog_info = volumev3::publicURL
os_region_name = RegionOne
[neutron]
$login
valid_interfaces = public
[placement]
$login
valid_interfaces = public
$service_user
$authtoken
E
sed '/^\[api_database\]/,/^connection/d' $etc/nova.conf > $etc/nova-compute.conf # a compute node refuses to know the database
cat > $etc/neutron.conf <<E
[DEFAULT]
bind_host = 127.0.0.1
bind_port = 19696
core_plugin = ml2
service_plugins =
transport_url = $RABBIT
api_workers = 1
rpc_workers = 0
rpc_state_report_workers = 0
state_path = $var/neutron
api_paste_config = /usr/share/neutron-common/api-paste.ini
dhcp_agent_notification = false
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
[database]
connection = $(db neutron)
[oslo_concurrency]
lock_path = $var/locks
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = onemachine
extension_drivers = port_security
[securitygroup]
enable_security_group = true
$authtoken
E
cat > $etc/cinder.conf <<E
[DEFAULT]
my_ip = 127.0.0.1
host = one
transport_url = $RABBIT
osapi_volume_listen = 127.0.0.1
osapi_volume_listen_port = 18776
osapi_volume_workers = 1
api_paste_config = /usr/share/cinder-common/api-paste.ini
state_path = $var/cinder
glance_api_servers = http://127.0.0.1:19292
enabled_backends = one
default_volume_type = plain
auth_strategy = keystone
quota_volumes = 100
quota_gigabytes = 5000
[one]
volume_driver = onemachine_volumes.Driver
volume_backend_name = onemachine
[database]
connection = $(db cinder)
[oslo_concurrency]
lock_path = $var/locks
$service_user
$authtoken
E
export OS_PLACEMENT_CONFIG_DIR=$etc

# --- schemas, once
if [ ! -e $var/.ready ]; then
  k="keystone-manage --config-file $etc/keystone.conf"
  jobs=()
  $k db_sync > $log/sync-0.log 2>&1 &
  jobs+=($!)
  (glance-manage --config-file $etc/glance.conf db_sync; placement-manage --config-file $etc/placement.conf db sync) > $log/sync-1.log 2>&1 &
  jobs+=($!)
  neutron-db-manage --config-file $etc/neutron.conf upgrade heads > $log/sync-2.log 2>&1 &
  jobs+=($!)
  cinder-manage --config-file $etc/cinder.conf db sync > $log/sync-3.log 2>&1 &
  jobs+=($!)
  (nova-manage --config-file $etc/nova.conf api_db sync
   nova-manage --config-file $etc/nova.conf cell_v2 map_cell0 --database_connection "$(db nova_cell0)"
   nova-manage --config-file $etc/nova.conf db sync
   nova-manage --config-file $etc/nova.conf cell_v2 create_cell --name one) > $log/sync-4.log 2>&1 &
  jobs+=($!)
  for pid in "${jobs[@]}"; do wait $pid; done
  $k fernet_setup --keystone-user root --keystone-group root >> $log/bootstrap.log 2>&1
  $k credential_setup --keystone-user root --keystone-group root >> $log/bootstrap.log 2>&1
  $k bootstrap --bootstrap-password $P --bootstrap-region-id RegionOne --bootstrap-public-url http://127.0.0.1:15000/v3 --bootstrap-internal-url http://127.0.0.1:15000/v3 >> $log/bootstrap.log 2>&1
  touch $var/.ready
fi

# --- services
uwsgi() { run $1 uwsgi_python311 --plugin python311 --http-socket 127.0.0.1:$2 --wsgi-file $3 --processes 2 --threads 1 --master --die-on-term --lazy-apps --buffer-size 65535 --post-buffering 65536 --add-header "Connection: close" --disable-logging; }
OS_KEYSTONE_CONFIG_FILES=$etc/keystone.conf OS_KEYSTONE_CONFIG_DIR=$etc uwsgi keystone 15000 /usr/bin/keystone-wsgi-public
uwsgi placement 18778 /usr/bin/placement-api
wait_for keystone python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:15000/v3')"
[ -e $var/.identity ] || { python3 $here/seed.py identity; touch $var/.identity; }
run glance python3 -c "$(py glance.cmd.api)" --config-file $etc/glance.conf
run neutron python3 -c "$(py neutron.cmd.eventlet.server)" --config-file $etc/neutron.conf
for one in api_os_compute scheduler conductor; do
  run nova-$one python3 -c "$(py nova.cmd.$one)" --config-file $etc/nova.conf
done
# Nova imports a hypervisor only from its own package.
run nova-compute python3 -c "import sys; from nova.cmd.compute import main; import onemachine_guests as own; sys.modules['nova.virt.onemachine_guests'] = own; main()" --config-file $etc/nova-compute.conf
run cinder-api python3 -c "$(py cinder.cmd.api)" --config-file $etc/cinder.conf
run cinder-scheduler python3 -c "$(py cinder.cmd.scheduler)" --config-file $etc/cinder.conf
run cinder-volume python3 -c "$(py cinder.cmd.volume)" --config-file $etc/cinder.conf
for port in 15000 18778 19292 19696 18774 18776; do
  wait_for "port $port" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
done
[ -e $var/.things ] || { python3 $here/seed.py things; touch $var/.things; }
echo up
