#!/bin/sh
# What the official image of Postgres does with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, for ours.
set -eu
umask 077
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
    rm -rf "$PGDATA.new"
    initdb --pgdata "$PGDATA.new" --username "$POSTGRES_USER" --pwfile /tmp/password --auth scram-sha-256 \
        --encoding UTF8 --locale C.UTF-8
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$PGDATA.new/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA.new" postgres
    mv "$PGDATA.new" "$PGDATA" # only a whole one counts, whatever stops us in between
fi
exec "$@"
