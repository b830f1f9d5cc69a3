# fb_who: traces of who was at work here, newest last, each source cut to its end: the host's clock and zone, names
# by number, logins, the log of authentication, of packages, the audit log, process accounting. NUL-terminated pairs:
# NAME CONTENT; a source that may not be read is "x/NAME" with an empty content. Binary ones are hexadecimal.

fb_who_tail() {
    [ -e "$3" ] || return 0
    [ -f "$3" ] && [ ! -L "$3" ] || return 0
    if [ ! -r "$3" ]; then
        printf 'x/%s\0\0' "$1"
    elif [ -s "$3" ]; then
        printf '%s\0' "$1"
        if [ "$4" = hex ]; then
            # Whole records from the beginning of the file on: the tail begins at a multiple of their size.
            tail -c "$2" "$3" 2>/dev/null | od -A n -v -t x1 2>/dev/null | tr -d ' \n'
        else
            tail -c "$2" "$3" 2>/dev/null | tr '\0' '?'
        fi
        printf '\0'
    fi
}

# Without the right to read the system's journal one sees one's own lines, or none, and no error.
fb_who_may() {
    for file in ./var/log/journal/*/system.journal ./run/log/journal/*/system.journal; do
        [ ! -r "$file" ] || return 0
    done
    return 1
}

fb_who_journal() {
    [ -z "$root" ] && command -v journalctl >/dev/null 2>&1 || return 0
    fb_who_may || { printf 'x/journal\0\0'; return 0; }
    printf 'journal\0'
    # Anybody may log under these names: who wrote a line is the kernel's word (_UID), which goes along. Fields over 4 KiB
    # come as null. Which program it was (_EXE) is looked up later, when sudo may be over and another in its place.
    journalctl -q --no-pager -n 800 -t sudo -t su -t doas -t sshd -t sshd-session -t login -t systemd-logind -o json \
        --output-fields=_SOURCE_REALTIME_TIMESTAMP,_UID,_PID,_EXE,SYSLOG_IDENTIFIER,MESSAGE 2>/dev/null | tr '\0' '?'
    printf '\0'
}

# Which login is ours. An installed collector says it once more as who logged in: the last one counts.
fb_who_self() {
    printf 'self\0%s %s\0' "$(id -un 2>/dev/null)" "${SSH_CONNECTION-}"
}

fb_who() {
    fb_need tail od tr date || return 0
    set +f
    printf 'now\0%s\0' "$(date '+%s %z')"
    fb_who_self
    printf 'names\0'
    if [ -r ./etc/passwd ]; then
        while IFS=: read -r name _ number _; do
            printf '%s %s\n' "$number" "$name"
        done <./etc/passwd
    fi
    printf '\0'
    fb_who_tail wtmp 196608 ./var/log/wtmp hex
    fb_who_journal
    fb_who_tail auth.log 131072 ./var/log/auth.log text
    fb_who_tail secure 131072 ./var/log/secure text
    fb_who_tail dpkg.log 65536 ./var/log/dpkg.log text
    fb_who_tail apt 65536 ./var/log/apt/history.log text
    fb_who_tail yum.log 65536 ./var/log/yum.log text
    fb_who_tail dnf.rpm.log 65536 ./var/log/dnf.rpm.log text
    fb_who_tail apk.log 65536 ./var/log/apk.log text
    fb_who_tail audit 262144 ./var/log/audit/audit.log text
    fb_who_tail pacct 65536 ./var/log/account/pacct hex
    fb_who_tail pacct 65536 ./var/account/pacct hex
    set -f
}
