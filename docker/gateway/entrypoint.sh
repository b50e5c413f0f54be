#!/bin/sh
# A Jupyter server whose kernels are YARN's; arguments are the server's.
set -eu
umask 077
# With an id that has no account, or a root file system that is read only, there may be no home.
if [ ! -w "${HOME:-/}" ]; then
  HOME=$(mktemp -d "${TMPDIR:-/tmp}/home-XXXXXX")
  echo "gateway: nothing can be written to the home directory: all is kept in $HOME, and gone with this container" >&2
fi
export HOME
: "${HADOOP_USER_NAME:=$(id -un 2>/dev/null || echo yarnkernel)}"
export HADOOP_USER_NAME USER="$HADOOP_USER_NAME" LOGNAME="$HADOOP_USER_NAME"
mkdir -p "$HOME/notebooks" "$HOME/kernels"
cd "$HOME"
find-kernels "$HOME/kernels" &
exec jupyter server "$@"
