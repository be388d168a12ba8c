#!/bin/sh
# Builds the base images of the fleet from this machine's own Debian or Ubuntu packages, without an image registry:
# from its mirrors, with its keys and its apt settings. Writes docker/offline.env, which makes docker/fleet.sh use them.
set -eu
cd "$(dirname "$0")"

. /etc/os-release
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

command -v mmdebstrap >/dev/null || {
    echo "mmdebstrap is missing, which makes root file systems of packages. Install it: apt-get install mmdebstrap" >&2
    exit 1
}

# build ROLE PACKAGES CHANGES...: an image of these packages, with Dockerfile instructions on top.
build() {
    role=$1 packages=$2
    shift 2
    image="longshore-offline/$role:$VERSION_CODENAME"
    echo "$image: $packages"
    mmdebstrap --quiet --variant=apt --include="$packages" --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --aptopt="$folder/apt.conf" --essential-hook='mkdir -p "$1/etc/postgresql-common"' \
        --essential-hook='echo create_main_cluster=false >"$1/etc/postgresql-common/createcluster.conf"' \
        --customize-hook="upload postgres-entrypoint.sh /usr/local/bin/postgres-entrypoint.sh" \
        --customize-hook='getent -s files passwd >/dev/null; mkdir -p "$1/data"' \
        --customize-hook='chroot "$1" sh -c "! id -u redis >/dev/null 2>&1 || chown redis: /data"' \
        "$VERSION_CODENAME" "$folder/$role.tar" "$folder/mirrors"
    docker import "$@" "$folder/$role.tar" "$image" >/dev/null
    rm "$folder/$role.tar"
    names="$names $role"
}
