#!/bin/sh
# `make images-offline`: the base images of the fleet, made of this machine's own Debian or Ubuntu packages, where
# no image registry can be reached. Its mirrors, keys and apt settings are used, and are not kept in the images.
# Those that were made today, in the same way, stay. docker/offline.env tells docker/fleet.sh the images' names.
set -eu
case ${PIP_CERT:-} in '' | /*) ;; *) PIP_CERT=$PWD/$PIP_CERT ;; esac
cd "$(dirname "$0")"

command -v mmdebstrap >/dev/null || {
    echo "mmdebstrap is missing, which makes root file systems of packages: apt-get install mmdebstrap" >&2
    exit 1
}
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The suite's own lines only: packages of other vendors that this machine knows are not the fleet's business.
apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    grep -E " $suite(-updates|-security)? " >"$folder/sources.list" || {
    echo "apt knows no packages of $suite yet: apt-get update" >&2
    exit 1
}
apt-config dump | grep '^Acquire::' >"$folder/apt.conf"

path=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# What tells whether an image is what would be made now.
made_of=$({ date +%F && cat images.sh postgres.sh "$folder/sources.list"; } | sha256sum | cut -c1-64)

is_made() {
    [ "$(docker image inspect --format '{{index .Config.Labels "made-of"}}' "$1" 2>/dev/null)" = "$made_of" ]
}

# root NAME PACKAGES HOOKS...: an image of the packages, and of what the hooks do to their root file system, $1.
root() {
    image=longshore-offline/$1:$suite tar=$folder/$1.tar packages=$2
    shift 2
    ! is_made "$image" || return 0
    echo "$image: $packages" >&2
    APT_CONFIG="$folder/apt.conf" mmdebstrap --quiet --variant=apt --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        "$@" --customize-hook='rm -f "$1/etc/apt/sources.list"' "$suite" "$tar" "$folder/sources.list" >&2
    docker import --change "ENV PATH=$path" --change "LABEL made-of=$made_of" "$tar" "$image" >/dev/null
    rm "$tar"
}

# Docker without BuildKit says each time that it should be there: what it says matters where it fails.
build() {
    told=$(docker build --quiet "$@" 2>&1) || {
        echo "$told" >&2
        return 1
    }
}

# role NAME [ROOT]: one of the services' images; standard input are the lines of its Dockerfile.
role() {
    { echo "FROM longshore-offline/${2:-services}:$suite" && cat; } |
        build --tag "longshore-offline/$1:$suite" -
}

# What Debian has no package of: the S3 store and the mail catcher, from PyPI.
pypi() {
    [ -z "${PIP_CERT:-}" ] || cp "$PIP_CERT" ../pip-cert.crt
    echo "longshore-offline/pypi:$suite: $(grep -c == ../../requirements/offline.txt) packages of PyPI" >&2
    build --file Dockerfile --tag "longshore-offline/pypi:$suite" \
        --build-arg "PYTHON_IMAGE=longshore-offline/python:$suite" --build-arg PIP_INDEX_URL \
        ${PIP_CERT:+--build-arg CA_BUNDLE=docker/pip-cert.crt} ../..
    # Where the official images have them: moto's server at 5000, but at Versity's port as the fleet's store.
    printf '%s\n' 'ENV MOTO_PORT=7070' 'ENTRYPOINT ["moto_server", "--host", "0.0.0.0"]' | role s3 pypi
    printf '%s\n' 'ENTRYPOINT ["python3", "/opt/offline/mail.py"]' | role mail pypi
}

services() {
    root services postgresql,redis-server,haproxy \
        --setup-hook='mkdir -p "$1/etc/postgresql-common"' \
        --setup-hook='echo create_main_cluster=false >"$1/etc/postgresql-common/createcluster.conf"' \
        --customize-hook='chroot "$1" sh -c "ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/"' \
        --customize-hook='install postgres.sh "$1/usr/local/bin/start-postgres"' \
        --customize-hook='chroot "$1" install -d -o redis -g redis /data'
    echo 'USER haproxy' | role haproxy
    printf '%s\n' 'VOLUME /data' 'USER redis' 'WORKDIR /data' | role redis
    # Docker gives what it mounts there the mode of this folder, after a restart, too.
    printf '%s\n' 'RUN install -d -m 1777 /run/postgresql' 'VOLUME /var/lib/postgresql' \
        'USER postgres' 'ENTRYPOINT ["start-postgres"]' 'CMD ["postgres"]' | role postgres
}

# Both at once: each waits for packages, disks and the engine in turn.
services &
root python python3,python3-venv,ca-certificates,tzdata
pypi
wait $!

cat >../offline.env <<END
PYTHON_IMAGE=longshore-offline/python:$suite
REDIS_IMAGE=longshore-offline/redis:$suite
HAPROXY_IMAGE=longshore-offline/haproxy:$suite
POSTGRES_IMAGE=longshore-offline/postgres:$suite
S3_IMAGE=longshore-offline/s3:$suite
MOTO_IMAGE=longshore-offline/s3:$suite
MAIL_IMAGE=longshore-offline/mail:$suite
END
echo "Done: the names are in docker/offline.env. Next: make fleet" >&2
