#!/bin/sh
# Run once by the postgres image when its volume is empty: the owner of the tables, and the role that serves.
set -eu
psql --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
    --set owner_password="$OWNER_PASSWORD" --set serving_password="$SERVING_PASSWORD" <<'SQL'
CREATE ROLE foldback_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE foldback_serving LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'serving_password';
CREATE DATABASE foldback OWNER foldback_owner;
SQL
