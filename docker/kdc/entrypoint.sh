#!/bin/sh
# A KDC, with keys for the daemons and one user, each in a keytab.
set -eu
umask 027
export KRB5_KDC_PROFILE=/etc/kdc.conf
keytabs=/var/lib/keytabs
user=${HADOOP_USER:-yarnkernel}
if [ ! -e /var/lib/kdc/principal ]; then
  kdb5_util create -s -P "$(head -c 32 /dev/urandom | base64)" >/dev/null
fi
give() {  # KEYTAB PRINCIPAL...: new keys, unless it is there; it appears as a whole
  file=$1
  shift
  [ ! -e "$file" ] || return 0
  rm -f "$file.new"
  for principal in "$@"; do
    kadmin.local -q "addprinc -randkey $principal" >/dev/null 2>&1
    kadmin.local -q "ktadd -k $file.new $principal" >/dev/null
  done
  chmod 0640 "$file.new"
  mv "$file.new" "$file"
}
give $keytabs/daemons/daemons.keytab yarn/hadoop hdfs/hadoop HTTP/hadoop
give "$keytabs/user/user.keytab" "$user"
exec krb5kdc -n
