#!/bin/sh
# Deploys the apps of the file that it is given, for somebody who looks at the cluster of docker-compose.yml for the first
# time. Once they were deployed it changes nothing any more, unless somebody has destroyed /sample/web.
# It runs in the image of Bayplan, and one of the apps in a container of that image.

set -eu

if ! bayplan app show /sample/web >/dev/null 2>&1; then
  sed "s|\"image\": \"bayplan\"|\"image\": \"$SAMPLE_IMAGE\"|" "$1" | bayplan app deploy - --wait --timeout 2m
  # What would be otherwise if another policy decided.
  bayplan placement shadow spread
fi
bayplan status
echo
echo "Grafana: $GRAFANA"
