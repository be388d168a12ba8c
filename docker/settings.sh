# For fleet.sh: the settings of a fleet, from the environment, the file `settings`, which passwords are added to, and
# offline.env.

# What fleet.sh has to know itself; all other settings are read by Compose alone.
own_settings="API WORKER COMPOSE_PROJECT_NAME COMPOSE_PROFILES FLEET_PORT FLEET_TLS_PORT TLS_CERTIFICATES
    S3_PASSWORD STORAGE_URL PUBLIC_URL LONGSHORE_PUBLIC_URL BASE_DOMAIN LONGSHORE_BASE_DOMAIN WORKER_PROCESSES
    LONGSHORE_WORKER_PROCESSES AWS_ENDPOINT_URL AWS_ALLOW_HTTP AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    LONGSHORE_IMAGE PYTHON_IMAGE PIP_INDEX_URL PIP_CERT"
images="PYTHON_IMAGE POSTGRES_IMAGE REDIS_IMAGE HAPROXY_IMAGE S3_IMAGE MAIL_IMAGE"

# The environment has the last word, as with Compose. The file is data: a shell would act on `&`, `<` and `$` in it.
take_from() { # FILE NAMES
    file=$1 wanted=" "
    shift
    for name; do
        eval "[ -n \"\${$name+told}\" ]" || wanted="$wanted$name "
    done
    while IFS= read -r line; do # a file that tells nothing is one empty line
        case $wanted in *" ${line%%=*} "*) take "${line%%=*}" "${line#*=}" ;; esac
    done <<END
$(lines_of "$file")
END
}

# NAME=value, without what is around it, or is a comment of an unquoted value.
lines_of() {
    name='[A-Z0-9_]\{1,\}' blank='[[:blank:]]'
    sed -n -e "s/^$blank*\(export$blank\{1,\}\)\{0,1\}\($name\)$blank*=$blank*/\2=/" -e 't found' -e d -e ':found' \
        -e "/^$name=[\"']/!s/$blank\{1,\}#.*//" -e 's/[[:space:]]*$//' -e p "$1"
}

take() { # NAME VALUE
    case $2 in
    "'"*) value=${2#\'} value=${value%%\'*} ;;
    *\$*)
        say "$file: a \$ in $1 means different things to different Composes: put the value into single quotes."
        exit 2
        ;;
    '"'*) value=${2#\"} value=${value%%\"*} ;;
    *) value=$2 ;;
    esac
    export "$1=$value"
}

# What has a name of the fleet's own besides, by either of them.
take_either_name() {
    [ -z "${LONGSHORE_PUBLIC_URL:-}" ] || export PUBLIC_URL="${PUBLIC_URL:-$LONGSHORE_PUBLIC_URL}"
    [ -z "${LONGSHORE_BASE_DOMAIN:-}" ] || export BASE_DOMAIN="${BASE_DOMAIN:-$LONGSHORE_BASE_DOMAIN}"
    [ -z "${LONGSHORE_WORKER_PROCESSES:-}" ] || export WORKER_PROCESSES="${WORKER_PROCESSES:-$LONGSHORE_WORKER_PROCESSES}"
}

make_passwords() { # NAMES
    [ -z "$(tail -c 1 "$settings" 2>/dev/null)" ] || echo >>"$settings" # or the first one ends the line before it
    for name in "$@"; do
        lines_of "$settings" 2>/dev/null | grep -q "^$name=" && continue
        (umask 077 && printf '%s=%s\n' "$name" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >>"$settings")
        made="${made:-} $name"
    done
    [ -z "${made:-}" ] || say "Passwords were made, and are kept in $settings:$made"
}

has_own_store() {
    case ,${COMPOSE_PROFILES:-}, in *,s3,*) ;; *) false ;; esac
}

# What the profile s3 means to all others, unless they were told something else.
use_own_store() {
    : "${STORAGE_URL:=s3://longshore/blocks}" "${AWS_ENDPOINT_URL:=http://s3:7070}" "${AWS_ALLOW_HTTP:=true}"
    : "${AWS_REGION:=us-east-1}" "${AWS_ACCESS_KEY_ID:=longshore}" "${AWS_SECRET_ACCESS_KEY:=$S3_PASSWORD}"
    export STORAGE_URL AWS_ENDPOINT_URL AWS_ALLOW_HTTP AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

# The port at which clients come by https: not the balancer's own where another one is passed on to it.
public_tls_port() {
    case $PUBLIC_URL in
    https://*) port=${PUBLIC_URL#https://} port=${port%%[/?#]*} port=${port##*:} ;;
    *) port=${FLEET_TLS_PORT:-8443} ;;
    esac
    case $port in
    '' | *[!0-9]*) echo 443 ;; # a host without one
    *) echo "$port" ;;
    esac
}

read_settings() {
    make_passwords POSTGRES_PASSWORD REDIS_PASSWORD S3_PASSWORD
    take_either_name # first: by any name, what the environment says wins
    case ${PIP_CERT:-} in '' | /*) ;; *) PIP_CERT=$called_from/$PIP_CERT ;; esac
    [ ! -f offline.env ] || take_from offline.env $images
    take_from "$settings" $own_settings
    take_either_name
    export PUBLIC_URL="${PUBLIC_URL:-http://localhost:${FLEET_PORT:-8080}}"
    PUBLIC_TLS_PORT=$(public_tls_port)
    export PUBLIC_TLS_PORT
    ! has_own_store || use_own_store
    export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-longshore}"
    own_image=$COMPOSE_PROJECT_NAME:local
    export LONGSHORE_IMAGE="${LONGSHORE_IMAGE:-$own_image}"
}
