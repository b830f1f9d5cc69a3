#!/bin/sh
# venv.sh DIRECTORY REQUIREMENTS [COVERED]: makes the virtual environment when it is missing, and installs when
# the requirements are not those of the stamp. COVERED names a smaller set that REQUIREMENTS includes.
set -eu
venv=$1 requirements=$2 covered=${3:-}

if [ -z "${PYTHON:-}" ]; then
    echo "There is no python3 on this machine. On Debian: apt install python3 python3-venv" >&2
    exit 1
fi
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$PYTHON is $("$PYTHON" -V): Python 3.11 or newer is needed. Say which: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi

stamp_of() { { "$PYTHON" -V; cat "$1"; } | sha256sum | cut -d' ' -f1; }
stamp_file() { echo "$venv/.installed-$(basename "$1" .txt)"; }
in_step() { [ -x "$venv/bin/python" ] && [ "$(cat "$(stamp_file "$1")" 2>/dev/null)" = "$(stamp_of "$1")" ]; }

in_step "$requirements" && exit 0

# One installer at a time: two makes may start together.
exec 9>"$venv.lock"
flock 9
in_step "$requirements" && exit 0

if ! "$venv/bin/python" -c 'import sys, pip' 2>/dev/null ||
    [ "$("$venv/bin/python" -V)" != "$("$PYTHON" -V)" ]; then
    echo >&2 "Making $venv with $("$PYTHON" -V)"
    rm -rf "$venv"
    if ! "$PYTHON" -m venv "$venv"; then
        rm -rf "$venv"
        echo "$PYTHON could not make a virtual environment. On Debian: apt install python3-venv" >&2
        exit 1
    fi
fi
echo >&2 "Installing $requirements into $venv"
rm -f "$(stamp_file "$requirements")"
PYTHONDONTWRITEBYTECODE= "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
    --root-user-action=ignore --no-input --require-hashes -r "$requirements"
for each in $covered "$requirements"; do
    stamp_of "$each" >"$(stamp_file "$each")"
done
