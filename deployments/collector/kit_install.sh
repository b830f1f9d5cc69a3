#!/bin/sh
# Foldback's read-only scanning account: one user, one program, one line of sudoers. Run as root; may be repeated.
#
#   sh install.sh            installs, or brings up to date
#   sh install.sh remove     takes everything away again
#
# It makes the user @USER@ (no password, its shell and forced command are the program), the directory
# @DIRECTORY@ with the program and the key that may sign in, both owned by root, and @SUDOERS@. If
# sshd_config has AllowUsers or AllowGroups, add the user there.
set -eu
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
user=@USER@ directory=@DIRECTORY@ home=@HOME@ program=@PROGRAM@ sudoers=@SUDOERS@ version=@VERSION@

fail() {
    printf '%s\n' "foldback: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "run this as root"

remove() {
    rm -f "$sudoers"
    if id "$user" >/dev/null 2>&1; then
        userdel "$user" 2>/dev/null || { deluser "$user" && { delgroup "$user" 2>/dev/null || :; }; } || fail "could not remove the user $user"
    fi
    rm -rf "$directory"
    echo "foldback: removed. What is left: lines about it in the logs of this host."
}

# Whoever can put another program in its place could run that as root.
check_above() {
    above=$directory
    while [ -n "$above" ]; do
        above=${above%/*}
        set -- $(ls -ldn "$above/.")
        case $1 in
            d????w*|d???????w*) fail "${above:-/} can be written to by others than root: choose another --directory" ;;
        esac
        [ "$3" = 0 ] || fail "${above:-/} does not belong to root: choose another --directory"
    done
}

# put FILE MODE: standard input becomes the file, at once or not at all, and belongs to root.
put() {
    cat >"$1.new~"
    chown 0:0 "$1.new~"
    chmod "$2" "$1.new~"
    mv -f "$1.new~" "$1"
}

install() {
    check_above
    mkdir -p "$home/.ssh"
    chown 0:0 "$directory" "$home" "$home/.ssh"
    chmod 0755 "$directory" "$home" "$home/.ssh"
    put "$program" 0755 <<'FOLDBACK-END'
FOLDBACK-PROGRAM
FOLDBACK-END
    if id "$user" >/dev/null 2>&1; then
        case $(grep "^$user:" /etc/passwd) in
            *":$home:$program") ;;
            *) fail "there is a user $user already who is not this account: choose another --user" ;;
        esac
    else
        useradd --system --user-group --no-create-home --home-dir "$home" --shell "$program" \
            --comment 'Foldback scans' "$user" 2>/dev/null ||
            { addgroup -S "$user" && adduser -S -D -H -h "$home" -s "$program" -G "$user" -g 'Foldback scans' "$user"; } ||
            fail "could not make the user $user"
    fi
    # No password fits "*", and unlike "!" it does not shut out keys.
    printf '%s:*\n' "$user" | chpasswd -e
    put "$home/.ssh/authorized_keys" 0644 <<'FOLDBACK-END'
FOLDBACK-KEYS
FOLDBACK-END
    new=$directory/sudoers
    put "$new" 0440 <<'FOLDBACK-END'
FOLDBACK-SUDOERS
FOLDBACK-END
    if [ ! -s "$new" ] || ! grep -q . "$new"; then
        rm -f "$sudoers"
    elif ! command -v visudo >/dev/null 2>&1; then
        echo "foldback: there is no sudo here: what needs root will be unknown (denied)." >&2
    else
        visudo -cqf "$new" || fail "sudo does not take the rules in $new: nothing was allowed"
        cp "$new" "$sudoers.new~" # sudo passes a name with a dot by
        chmod 0440 "$sudoers.new~"
        mv -f "$sudoers.new~" "$sudoers"
    fi
    echo "foldback: collector $version is installed for $user."
}

case ${1:-install} in
    install) install ;;
    remove) remove ;;
    *) fail "not known: $1 (install or remove)" ;;
esac
