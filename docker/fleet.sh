#!/bin/sh
# The fleet of docker/compose.yaml, for `make fleet` and its relatives. Passwords are made once and kept in docker/.env,
# or in the file that FLEET_SETTINGS names by its whole path; settings of the compose file may be added there, one a line.
# docker/offline.env, where there is one, names the base images.
set -eu
called_from=$PWD
cd "$(dirname "$0")"

say() { printf '%s\n' "$*" >&2; }

settings=${FLEET_SETTINGS:-$PWD/.env}
# shellcheck source=settings.sh
. ./settings.sh

compose() {
    set -- --env-file "$settings" --file compose.yaml ${TLS_CERTIFICATES:+--file tls.yaml} "$@"
    if docker compose version >/dev/null 2>&1; then
        docker compose "$@"
    else
        docker-compose "$@"
    fi
}

# All of a service that there are; what `compose run` started is not of it.
containers_of() {
    docker ps --all --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
        --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False
}

# In an API that runs, whichever that is: they have other numbers after each restart.
in_api() {
    for container in $(containers_of api); do
        docker exec "$container" "$@" 2>/dev/null && return
    done
    return 1
}

longshore() { in_api longshore "$@"; }

in_bucket() { compose run --rm --no-deps -T cli python -c "$(cat bucket.py)" "$@"; }

# A site with certificates of its own says so to pip, too. What an older build copied is not taken for it.
build() {
    [ "$LONGSHORE_IMAGE" = "$own_image" ] || return 0
    [ -z "${PIP_CERT:-}" ] || cp "$PIP_CERT" pip-cert.crt || return
    say "Building the image; this takes a minute or two the first time."
    # Else an image has another id after each build, and containers seem to be of an older one.
    told=$(BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --quiet --file Dockerfile --tag "$own_image" \
        --build-arg "PYTHON_IMAGE=${PYTHON_IMAGE:-python:3.13-slim}" --build-arg PIP_INDEX_URL \
        ${PIP_CERT:+--build-arg CA_BUNDLE=docker/pip-cert.crt} .. 2>&1) || {
        say "$told"
        return 1
    }
}

is_ready() {
    in_api python3 -c \
        "from urllib.request import urlopen; urlopen('http://balancer:8080/health/ready', timeout=5)" >/dev/null
}

wait_until_ready() {
    tries=0
    until is_ready; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || {
            compose ps
            say "The fleet is not ready after two minutes: docker/fleet.sh logs tells why."
            exit 1
        }
        sleep 1
    done
}

# Migrating marks the bucket, which has to be there by then.
make_own_bucket() {
    has_own_store || return 0
    compose up --detach s3 || return
    in_bucket make </dev/null
}

# As haproxy.cfg says.
refuse_too_many_apis() {
    [ "${API:-1}" -le 64 ] || {
        say "The balancer knows of 64 APIs at most: API=64, or fewer."
        exit 2
    }
}

# As many as there are, unless another number is told; two of what there is none of.
count_of() { # SERVICE TOLD
    there=$(containers_of "$1") || return
    if [ -n "$2" ]; then
        echo "$2"
    elif [ -n "$there" ]; then
        echo "$there" | grep -c .
    else
        echo 2
    fi
}

start() { # whoever calls it with && has errors ignored in here: hence the returns
    make_own_bucket || return
    apis=$(count_of api "${API:-}") && workers=$(count_of worker "${WORKER:-}") || return
    compose up --detach --no-recreate --scale "api=$apis" --scale "worker=$workers" || return
    tell_of_older_images
    wait_until_ready
    wait_until_healthy api
    [ "$workers" = 0 ] || wait_until_healthy worker
    wait_until_healthy beat
}

# Those that run stay as they are, and ones that are added wait for the schema of their own release.
tell_of_older_images() {
    newest=$(docker image inspect --format '{{.Id}}' "$LONGSHORE_IMAGE" 2>/dev/null) && [ -n "$newest" ] || return 0
    for container in $(containers_of api) $(containers_of worker) $(containers_of beat); do
        [ "$(docker inspect --format '{{.Image}}' "$container")" != "$newest" ] || continue
        say "What runs is of another image: make fleet-restart migrates, and brings all to the newest one."
        return 0
    done
}

# One after the other, each by a new container of the newest image: a stopped one has finished what it was at.
replace_each() { # SERVICE SECONDS
    service=$1 seconds=$2
    containers=$(containers_of "$service")
    set -- $containers
    for container; do
        [ "$service $#" != "api 1" ] || bring_to api 2 # somebody has to answer meanwhile
        docker stop --time "$seconds" "$container" >/dev/null
        docker rm --volumes "$container" >/dev/null
        bring_to "$service" $#
        say "$service: one more of $# has been replaced"
    done
}

bring_to() { # SERVICE COUNT
    compose up --detach --no-deps --no-recreate --scale "$1=$2" "$1"
    wait_until_healthy "$1"
}

# Health is told by the containers' own checks.
is_healthy() {
    there=$(containers_of "$1") && [ -n "$there" ] || return
    states=$(docker inspect --format '{{.State.Health.Status}}' $there) || return
    ! echo "$states" | grep -qvx healthy
}

wait_until_healthy() {
    tries=0
    until is_healthy "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || {
            say "A container of $1 is not healthy after two minutes: docker/fleet.sh logs $1 tells why."
            exit 1
        }
        sleep 1
    done
}

restart() {
    compose run --rm --no-deps -T migrate
    replace_each api 45
    replace_each worker 30
    replace_each beat 30
}

# The database's own programs, as its owner: in_postgres pg_dump longshore
in_postgres() {
    program=$1
    shift
    compose exec -T postgres sh -c 'PGPASSWORD="$POSTGRES_PASSWORD" exec "$@"' sh \
        "$program" --host=127.0.0.1 --username=longshore "$@"
}

folder_of() {
    case ${1:-} in
    '') say "usage: docker/fleet.sh backup|restore FOLDER" && exit 2 ;;
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$called_from/$1" ;;
    esac
}

# BACKUP.md tells why in this order.
backup() {
    folder=$(folder_of "$@")
    umask 077
    mkdir -p "$folder"
    in_postgres pg_dump --format=custom --exclude-schema=longshore_reader longshore >"$folder/database.dump"
    # 1: something went while it was read.
    compose run --rm --no-deps -T cli \
        sh -c 'tar -c -C /var/lib/longshore --exclude="*.part" . || [ $? -eq 1 ]' >"$folder/stored.tar"
    ! has_own_store || in_bucket save >"$folder/objects.tar"
    say "The backup is in $folder. It holds secrets; $settings is not in it, and is not needed for it."
}

restore() {
    folder=$(folder_of "$@")
    compose up --detach postgres redis
    wait_until_healthy postgres
    tables=$(in_postgres psql --tuples-only --command='\dt' longshore)
    [ -z "$tables" ] || {
        say "This fleet has data already: docker/fleet.sh down --volumes removes it for good."
        exit 1
    }
    compose run --rm --no-deps -T cli tar -x -C /var/lib/longshore <"$folder/stored.tar"
    make_own_bucket
    ! has_own_store || in_bucket load <"$folder/objects.tar"
    in_postgres pg_restore --no-owner --no-privileges --exit-on-error --dbname=longshore <"$folder/database.dump"
    in_postgres psql --quiet --command=ANALYZE longshore
}

introduce() {
    service=$(in_api sh -c 'echo "${LONGSHORE_DEFAULT_SERVICE:-default}"')
    longshore services list | grep -qxF "$service" || longshore services add "$service" >/dev/null
    cat <<END
Longshore is up at $PUBLIC_URL, with $(containers_of api | wc -l) APIs and $(containers_of worker | wc -l) workers.

  documentation  $PUBLIC_URL/docs
  token          $(longshore token --service "$service" --lifetime 30d)

Next:
  make fleet-demo                    a tour through the load balancer
  make fleet-scale API=3 WORKER=4    more of them, also while imports run
  docker/fleet.sh longshore --help   the command line, inside the fleet
  docker/fleet.sh logs               what all of them say
  make fleet-down                    stops everything; the data stays
END
}

read_settings
command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
up) refuse_too_many_apis && build && start && introduce ;;
build) build ;;
scale) refuse_too_many_apis && start && compose ps ;;
restart) build && restart ;;
demo) compose run --rm --no-deps cli longshore demo --url http://balancer:8000 ;;
longshore) compose run --rm --no-deps cli longshore "$@" ;;
logs) compose logs --tail 100 "$@" ;;
backup) backup "$@" ;;
restore)
    build
    restore "$@"
    start
    introduce
    ;;
down) compose down "$@" ;;
compose) compose "$@" ;;
*)
    say "usage: docker/fleet.sh up|build|scale|restart|demo|backup|restore|down|logs|longshore|compose [arguments]"
    exit 2
    ;;
esac
