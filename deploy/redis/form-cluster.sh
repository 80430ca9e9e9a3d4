#!/bin/sh
# Makes one Redis Cluster of empty nodes, each a master; finds one that is whole and leaves it alone. What the nodes hold
# can be made anew, so nodes that have lost each other begin again.
#
#   sh form-cluster.sh <host>:<port>...
set -eu

patience_s=60

node() {
  address=$1
  shift
  redis-cli -h "${address%:*}" -p "${address##*:}" "$@"
}

# Nodes meet by address, not by name.
numeric() {
  host=$(getent hosts "${1%:*}" | awk '{ print $1; exit }')
  echo "${host:?"${1%:*} has no address"}:${1##*:}"
}

is_whole() {
  for candidate in "$@"; do
    info=$(node "$candidate" cluster info | tr -d '\r')
    echo "$info" | grep -qx 'cluster_state:ok' || return 1
    echo "$info" | grep -qx "cluster_known_nodes:$#" || return 1
  done
}

wait_until() {
  end=$(($(date +%s) + patience_s))
  until "$@" >/dev/null 2>&1; do
    if [ "$(date +%s)" -ge "$end" ]; then
      echo "not so within $patience_s s: $*" >&2
      exit 1
    fi
    sleep 0.2
  done
}

for each in "$@"; do wait_until node "$each" ping; done
if is_whole "$@"; then
  echo 'The cluster is whole.'
  exit 0
fi
addresses=
for each in "$@"; do
  node "$each" flushall >/dev/null
  node "$each" cluster reset hard >/dev/null
  addresses="$addresses $(numeric "$each")"
done
# shellcheck disable=SC2086 # one word for each node
redis-cli --cluster create $addresses --cluster-replicas 0 --cluster-yes >/dev/null
wait_until is_whole "$@"
echo 'The cluster was made.'
