# --- an installed collector ---------------------------------------------------------------------------------------
#
# This file, whole, belongs to root and is the forced command and the shell of the scanning account. Whoever has that
# account's key can do nothing with it but ask questions: what comes on standard input is never run, only the call at
# its end is read, as data, and has to be of the exact form below. What the account may not see is asked of this same
# file through sudo, which allows it for some verbs without arguments, each named in sudoers.
#
#   collector          the forced command: answers on standard output; whatever the client wanted to run is ignored
#   collector VERB     as root, for one of $fb_root_verbs: its answer on standard output, its status on standard error

fb_kit() {
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    export PATH
    here=${SSH_CONNECTION-}
    case $here in *[!0-9a-fA-F:.%\ ]*) here= ;; esac
    mode=question
    case " $fb_root_verbs " in
        *" ${1:-none} "*) mode=$1 ;;
    esac
    # Nothing that somebody put into the environment stays.
    exec env -i PATH="$PATH" LC_ALL=C SSH_CONNECTION="$here" /bin/sh "$fb_kit_file" clean "$mode"
}

fb_kit_clean() {
    umask 077
    set -f
    IFS=' '
    LC_ALL=C
    newline='
'
    case $1 in
        question) fb_kit_question ;;
        *) fb_kit_root "$1" ;;
    esac
}

fb_kit_refuse() {
    printf 'foldback: this account answers questions of the collector, and this is none (%s)\n' "$1" >&2
    exit 1
}

fb_kit_question() {
    # A NUL or a carriage return becomes a byte that nothing below allows. Patterns of the shell are slow on long
    # texts, so other tools look at them.
    limit=
    ! timeout 1 true 2>/dev/null || limit='timeout 30' # whoever says nothing is not waited for
    call=$($limit head -c 4194304 | tr '\000\r' '\001\001' | sed -n "/^foldback '/,\$p")
    nonce=$(printf '%s\n' "$call" | sed -n "1s/^foldback '\([a-z][a-z0-9]\{15,79\}\)' '.*/\1/p")
    [ -n "$nonce" ] || fb_kit_refuse nonce
    printf '%s\n' "$call" | tail -n 1 | grep -q "' </dev/null\$" || fb_kit_refuse 'no end'
    question=$(printf '%s\n' "$call" | sed -e "1s/^foldback '[a-z0-9]*' '//" -e "\$s/' <\/dev\/null\$//")
    strange=$(printf '%s' "$question" | tr -d 'A-Za-z0-9/._+:@,= \n\\-' | head -c 1)
    [ -z "$strange" ] || fb_kit_refuse alphabet
    # Every line is a number and a verb ...
    if printf '%s\n' "$question" | grep -E -v -q '^[0-9]{1,6} [a-z_]{1,32}( |$)'; then
        fb_kit_refuse verb
    fi
    # ... then arguments that are numbers or paths, none of which could be taken for an option; \0ooo is a byte.
    if printf '%s\n' "$question" | sed 's/^[0-9]* [a-z_]*//' | grep -E -q -e ' ( |$|[^0-9.]|[.]([^/]|$))' \
        -e ' [0-9]+[^0-9 ]' -e '\\([^0]|$|0([^0-3]|$|[0-3]([^0-7]|$|[0-7]([^0-7]|$))))'; then
        fb_kit_refuse argument
    fi
    foldback "$nonce" "$question" </dev/null
}

# Verbs that need root are asked through sudo; where it refuses, the account sees what it can.
fb_kind() {
    case " $fb_root_verbs " in
        *" $1 "*) [ "$(id -u)" != 0 ] && command -v sudo >/dev/null 2>&1 || { "fb_$1"; return 0; } ;;
        *) "fb_$1"; return 0 ;;
    esac
    {
        said=$(sudo -n -- "$fb_kit_file" "$1" 2>&1 >&3 </dev/null)
    } 3>&1
    case ${said##*"$newline"} in
        'foldback '*)
            status=${said##*'foldback '}
            ! command -v "fb_$1_self" >/dev/null 2>&1 || "fb_$1_self" ;;
        sudo:*|Sorry*|*sudoers*) "fb_$1" ;;
        *) status=failed ;;
    esac
}

fb_kit_root() {
    status=ok
    fb_begin / || exit 1
    PATH=/usr/sbin:/usr/bin:/sbin:/bin # root runs nothing from where others might install
    "fb_$1" </dev/null 2>/dev/null
    printf 'foldback %s\n' "$status" >&2
}

case ${1-} in
    clean) fb_kit_clean "$2" ;;
    *) fb_kit "$@" ;;
esac
