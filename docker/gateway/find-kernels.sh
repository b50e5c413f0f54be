#!/bin/sh
# Give the server the user's kernels that run already: `find-kernels DIRECTORY`.
#
# The server offers what has a connection file there (ServerApp.external_connection_dir). A gateway
# that starts has none of its own: those that run were started by hand, or by one that was killed.
set -u
directory=$1
user=${KRB5PRINCIPAL:-$HADOOP_USER_NAME}
ask() { timeout 60 yarnkernel list --quiet --ids --user "${user%%[/@]*}"; }
# The cluster may just be coming up, too; after a minute the reason is told.
tries=12
until ids=$(ask 2>/dev/null); do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || { ids=$(ask) && break || exit; }
  sleep 5
done
for file in "$directory"/kernel-*.json; do
  id=${file##*/kernel-}
  case " $(echo $ids) " in
    *" ${id%.json} "*) ;;
    *) rm -f "$file" ;;
  esac
done
# Each has hosts let in that read its connection info: the address may be another one than it was.
for id in $ids; do
  yarnkernel connect --quiet --timeout 60 -f "$directory/kernel-$id.json" "$id" &&
    echo "gateway: found $id again" >&2 &
done
wait
