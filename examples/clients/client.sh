#!/bin/sh
# A client in shell: what runs, and a marker in the cache. What supervisorctl prints and its exit statuses are made for scripts.
#
#     sh client.sh http://127.0.0.1:9001
set -eu
ctl() { supervisorctl -s "${url}" ${config:+-c "$config"} "$@"; }
url=${1:-http://127.0.0.1:9001}
# The commands of plugins come from the config.
config=${2:-}

# A status of 3 says that some of them do not run, which is no error here.
status=$(ctl status) || [ $? -eq 3 ]
echo "$status" | while read -r name state _; do
    [ -z "$name" ] || echo "$name is $state"
done
ctl cache_store deployed 'release 7'
marker=$(ctl cache_fetch deployed)
# It is printed as Python prints a string.
marker=${marker#\'}
echo "deployed is ${marker%\'}"
