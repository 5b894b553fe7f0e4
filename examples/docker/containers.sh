#!/bin/sh
# Starts the containers of this example; "docker rm -f hello shop-1 shop-2" takes them away again.
set -eu
docker run -d --name hello nginx
for name in shop-1 shop-2; do
  docker run -d --name "$name" --hostname "$name" \
    --label 'traefik.http.routers.shop.rule=Host(`shop.localhost`)' \
    --label traefik.http.services.shop.loadbalancer.server.port=80 \
    nginx
done
