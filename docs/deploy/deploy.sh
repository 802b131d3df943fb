#!/bin/sh
# Deploys the commit that is checked out here to one host:  sh deploy.sh deploy@web1.example.com
set -eu
host=$1
app=/srv/app
release=$(date -u +%Y%m%d%H%M%S)

# A drain may print nothing for half a minute: the two options keep the connection open.
on_host() {
  ssh -o BatchMode=yes -o ServerAliveInterval=15 -o ServerAliveCountMax=8 "$host" "$@"
}

git archive HEAD | on_host "mkdir -p $app/releases/$release && tar -x -C $app/releases/$release"
# Here: install, build, migrate, in $app/releases/$release.

# One rename, so that `current` always exists.
on_host "ln -sfn releases/$release $app/current.new && mv -fT $app/current.new $app/current"

# 124: an instance is still busy after 15 minutes. That is not a failure: the restart goes on in the background.
on_host "workerctl restart --graceful --wait 15m --config $app/current/workerctl.yaml" ||
  [ $? -eq 124 ]
