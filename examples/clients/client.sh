#!/bin/sh
# A client in shell: what runs, and a marker in the cache. What supervisorctl prints and its exit statuses are made for
# scripts. It finds the commands of plugins, cache_store here, through its config: without CONFIG the one that it finds
# by itself, such as /etc/supervisord.conf.
#
#     sh client.sh [URL [CONFIG]]
#     sh client.sh http://127.0.0.1:9001 conf/supervisord.conf
set -eu
ctl() { supervisorctl -s "${url}" ${config:+-c "$config"} "$@"; }
url=${1:-http://127.0.0.1:9001}
config=${2:-}

# A status of 3 says that some of them do not run, which is no error here.
status=$(ctl status) || [ $? -eq 3 ]
echo "$status" | while read -r name state _; do
    [ -z "$name" ] || echo "$name is $state"
done
stored=$(ctl cache_store deployed 'release 7') || {
    echo "$stored" >&2
    case $stored in
    '*** Unknown syntax'*) echo "this command is there by [ctlplugin:cache] of a config: sh client.sh $url CONFIG" >&2 ;;
    esac
    exit 1
}
marker=$(ctl cache_fetch deployed)
# It is printed as Python prints a string.
marker=${marker#\'}
echo "deployed is ${marker%\'}"
