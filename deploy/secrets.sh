#!/bin/sh
# Makes, in the folder that it is given, what the cluster of docker-compose.yml keeps from everybody else on the machine:
#
#   token                                 the cluster's token
#   log                                   where masters find the log, with the password of the NATS servers
#   nats-clients.conf, nats-routes.conf   the same password, as the servers want it of masters and of each other
#
# Token and password are made once; the rest is written anew at every start, since addresses may have changed.
# It runs in the image of Bayplan.

set -eu
umask 077
chmod 700 "$1"
cd "$1"

# What may stand in a URL as it is.
secret() {
  head -c 24 /dev/urandom | base64 | tr '+/' '-_'
}

# What others read is never half written.
write() {
  cat >"$1.new"
  mv "$1.new" "$1"
}

[ -s token ] || secret | write token
[ -s password ] || secret | write password
user=bayplan password=$(cat password)

all() {
  echo "nats://$user:$password@$LOOPBACK.1:$1,nats://$user:$password@$LOOPBACK.2:$1,nats://$user:$password@$LOOPBACK.3:$1"
}

all 4222 | write log
echo "authorization { user: $user, password: \"$password\" }" | write nats-clients.conf
{
  echo "authorization { user: $user, password: \"$password\" }"
  echo "routes: [ $(all 6222) ]"
} | write nats-routes.conf
