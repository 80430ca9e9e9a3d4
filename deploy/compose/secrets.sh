#!/bin/sh
# Makes the secrets that docker-compose.yml mounts as files, each with a value of its own; what is there stays as it is.
#
#   sh deploy/compose/secrets.sh [folder]
#
# The folder is closed to others. The files in it can be read by whoever is let in: containers do not run as you.
set -eu
cd "$(dirname "$0")/../.."
folder=${1:-${NEXUS_SECRETS:-.nexus/compose}}

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

make() {
  [ -e "$folder/$1" ] && return
  printf '%s\n' "$2" >"$folder/.$1.new"
  chmod 444 "$folder/.$1.new"
  mv "$folder/.$1.new" "$folder/$1"
  echo "$folder/$1"
}

mkdir -p "$folder"
chmod 700 "$folder"
make postgres-password "$(random)"
# Of digits and letters a to f: nothing in it has to be encoded.
make database-url "postgres://nexus:$(cat "$folder/postgres-password")@postgres:5432/nexus"
make auth-secret "$(random)"
make admin-password "$(random)"
make s3-password "$(random)"
make grafana-password "$(random)"
