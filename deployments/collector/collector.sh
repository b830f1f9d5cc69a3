# Foldback's collector: looks at a host and writes what it saw to standard output. It changes nothing.
#
# Sent on standard input to `sh -s`, so it must run in dash, bash (also --posix), BusyBox ash and ksh-like
# shells, with GNU or BusyBox tools. Everything is in functions and the call is the last line: a connection
# that breaks in the middle runs nothing. No here-document: some shells keep those in temporary files, which
# writes on the host and fails when its disk is full. Comments and empty lines are not sent.
#
# foldback NONCE QUESTION
#   QUESTION has one line per section: an id, a verb, its arguments, separated by single spaces. Arguments are
#   data: letters, digits and / . _ + : @ , = - stand for themselves, every other byte is \0ooo (octal). Paths
#   begin with "./" and are relative to FOLDBACK_ROOT (default /), which becomes the working directory.
# The answer is a stream of NUL-terminated fields between markers that carry the nonce:
#   NUL nonce " begin " id NUL ... NUL nonce " end " id " " status NUL
#   A status is "ok", "missing TOOL", "changed", "denied [WHAT]", "rooted" (only a running system can tell) or
#   "verb" (not known here).
# A question whose first line is "0 sum" has sections: lines with the same number. Of each the answer is the SHA-256 of
# what its lines would have answered, each followed by NUL status NUL: so whoever has that answer knows that nothing moved.

fb_mark() {
    printf '\0%s %s\0' "$nonce" "$*"
}

# fb_need TOOL...: sets the section's status and fails when a tool is not there.
fb_need() {
    for tool do
        command -v "$tool" >/dev/null 2>&1 || { status="missing $tool"; return 1; }
    done
}

# fb_running: what only the kernel or a service manager knows can't be asked of a directory root.
fb_running() {
    [ -z "$root" ] || { status=rooted; return 1; }
}

# fb_path ENCODED: the decoded path in $path. The final dot keeps a trailing newline.
fb_path() {
    path=$1
    case $path in
        *\\*) path=$(printf '%b.' "$path"); path=${path%.} ;;
    esac
}

# Which tools there are is asked once: GNU find prints everything itself, otherwise find and stat share the work.
fb_flavour() {
    [ -z "$flavour" ] || return 0
    fb_need find || return 1
    if find . -maxdepth 0 -printf '' >/dev/null 2>&1; then
        flavour=gnu
    else
        fb_need stat tr || return 1
        flavour=stat
    fi
}

# --- facts and clock ------------------------------------------------------------------------------------------

fb_clock() {
    printf 'clock/%s\0' "$(date +%s.%N)"
}

fb_facts() {
    fb_clock
    fb_about
}

fb_about() {
    [ -z "${fb_kit_version-}" ] || printf 'kit/%s\0' "$fb_kit_version"
    set -- $(uname -snrm) # in this order: system, name, release, machine
    printf 'kernel/%s %s\0machine/%s\0' "${1-}" "${3-}" "${4-}"
    if [ -z "$root" ]; then
        printf 'hostname/%s\0' "${2-}"
    elif [ -f ./etc/hostname ] && [ ! -L ./etc/hostname ] && [ -r ./etc/hostname ]; then
        IFS= read -r line <./etc/hostname || :
        printf 'hostname/%s\0' "$line"
    fi
    for file in ./etc/os-release ./usr/lib/os-release; do
        # In a directory root a link could lead out of it.
        [ -f "$file" ] && [ -r "$file" ] && { [ -z "$root" ] || [ ! -L "$file" ]; } || continue
        while IFS= read -r line || [ -n "$line" ]; do
            case $line in
                ID=*|VERSION_ID=*|PRETTY_NAME=*) printf 'os/%s\0' "$line" ;;
            esac
        done <"$file"
        break
    done
}

# fb_names: "passwd/NUMBER/NAME" and "group/NUMBER/NAME". Entries are listed with numbers alone: to look up the names of
# each would take three times as long. In a directory root its own names hold, not those of the machine that looks.
fb_names() {
    [ -z "$root" ] || printf 'rooted/\0'
    for file in ./etc/passwd ./etc/group; do
        [ -f "$file" ] && [ -r "$file" ] && { [ -z "$root" ] || [ ! -L "$file" ]; } || continue
        set -- "$@" "$file"
    done
    [ $# -eq 0 ] || fb_named "$@"
}

fb_named() {
    fb_need sed tr || return 0
    sed -n -e 's|^\([^:/]*\):[^:]*:\([0-9]\{1,10\}\):[^:]*$|group/\2/\1|p' \
        -e 's|^\([^:/]*\):[^:]*:\([0-9]\{1,10\}\):.*:.*$|passwd/\2/\1|p' "$@" | tr '\n' '\0'
}

# fb_uids NUMBER..., fb_gids NUMBER...: names that are kept elsewhere, as in a directory service.
fb_uids() {
    fb_getent passwd "$@"
}

fb_gids() {
    fb_getent group "$@"
}

fb_getent() {
    command -v getent >/dev/null 2>&1 || return 0
    getent "$@" 2>/dev/null | fb_named -
}

# --- files, directories, links --------------------------------------------------------------------------------

# fb_encoded ARGUMENT...: whether one of them is encoded; usually none is, and they are the paths already.
fb_encoded() {
    case $* in *\\*) ;; *) return 1 ;; esac
}

# fb_dirs DIRECTORY...: where symbolic links among the parents of declared paths lead; nothing for ordinary ones.
fb_dirs() {
    for dir do
        fb_path "$dir"
        [ -L "$path" ] || continue
        if cd -P "$path" 2>/dev/null; then
            case $PWD/ in
                "$root"/*) real=${PWD#"$root"} ;;
                *) real=outside ;;
            esac
            cd "${root:-/}" || exit 3
        else
            real=broken
        fi
        printf '%s\0%s\0' "$path" "$real"
    done
}

# fb_entries PATH...: one record for each that is there; a path may not hold a newline.
fb_entries() {
    if [ "$flavour" = gnu ]; then
        find "$@" -maxdepth 0 -printf "$gnu_format" 2>/dev/null
        return 0
    fi
    stat -c "$stat_format" "$@" 2>/dev/null | tr '\n' '\0'
    for entry do
        [ ! -L "$entry" ] || printf 'l/%s\0%s\0' "$entry" "$(readlink "$entry")"
    done
}

# fb_failed PATH...: why each can't be seen. Absence is what the kernel says, never what is merely not listed.
fb_failed() {
    for path do
        error=$(find "$path" -prune 2>&1 >/dev/null)
        case $error in
            *': No such file or directory'|*': Not a directory') printf 'a/%s\0' "$path" ;;
            '') printf 'x/%s\0%s\0' "$path" changed ;;
            *) printf 'x/%s\0%s\0' "$path" "${error##*: }" ;;
        esac
    done
}

fb_list() {
    fb_flavour || return 0
    ! fb_encoded "$@" || for arg do fb_path "$arg"; set -- "$@" "$path"; shift; done
    fb_entries "$@"
    for path do
        shift
        [ -e "$path" ] || [ -L "$path" ] || set -- "$@" "$path"
    done
    [ $# -gt 0 ] || return 0
    # Usually all of them are simply not there: one process says so, and only otherwise each is asked about.
    error=$(find "$@" -prune 2>&1 >/dev/null)
    count=0
    IFS=$newline
    for line in $error; do
        case $line in
            *': No such file or directory'|*': Not a directory') count=$((count + 1)) ;;
            *) count=-1; break ;;
        esac
    done
    IFS=' '
    if [ "$count" -eq $# ]; then
        printf 'a/%s\0' "$@"
    else
        fb_failed "$@"
    fi
}

# fb_tree BYTES DIRECTORY: everything below it on the same file system; ends with "done" unless it was cut.
fb_tree() {
    fb_flavour && fb_need head || return 0
    fb_path "$2"
    { fb_walk "$path"; } 3>&1 | head -c "$1"
}

fb_walk() {
    if [ "$flavour" = gnu ]; then
        error=$(find "$1" -xdev -mindepth 1 -printf "$gnu_format" 2>&1 >&3)
    else
        # A line per entry can't hold a name with a newline: those are looked at one by one.
        error=$({
            find "$1" -xdev -mindepth 1 ! -path "*$newline*" -exec stat -c "$stat_format" {} + | tr '\n' '\0' >&3
            find "$1" -xdev -mindepth 1 -path "*$newline*" -exec sh -c '
                format=${1%/%n}; shift
                for f do m=$(stat -c "$format" "$f") && printf "%s/%s\0" "$m" "$f"; done' sh "$stat_format" {} + >&3
            find "$1" -xdev -mindepth 1 -type l -exec sh -c '
                for f do t=$(readlink -n "$f"; printf .); printf "l/%s\0%s\0" "$f" "${t%.}"; done' sh {} + >&3
        } 2>&1)
    fi
    IFS=$newline
    why= closed=
    for line in $error; do
        case $line in
            *': No such file or directory') ;; # gone while we looked, and the kernel said so
            *': Permission denied') fb_closed "$line" || why='Permission denied' ;;
            *) why=${line##*: }; break ;;
        esac
    done
    IFS=' '
    printf 'done/%s\0' "$why"
}

# fb_closed LINE: says of which directory find complains; fails where the name can't be told for sure.
fb_closed() {
    dir=${1#find: }
    dir=${dir%': Permission denied'}
    case $dir in "'"*"'") dir=${dir#?}; dir=${dir%?} ;; esac
    case $dir in
        *[!A-Za-z0-9/._+:@,=-]*) return 1 ;;
        ./*) [ -d "$dir" ] || return 1 ;;
        *) return 1 ;;
    esac
    case "$closed " in
        *" $dir "*) ;; # two walks complained
        *) closed="$closed $dir"; printf 'x/%s\0%s\0' "$dir" 'Permission denied' ;;
    esac
}

# fb_hash PATH...: digests of regular files, then their entries again, so that a change meanwhile shows.
fb_hash() {
    fb_flavour && fb_need sha256sum tr || return 0
    ! fb_encoded "$@" || for arg do fb_path "$arg"; set -- "$@" "$path"; shift; done
    odd=
    for path do
        [ ! -L "$path" ] && [ -f "$path" ] && [ -r "$path" ] || { odd=1; break; }
    done
    [ -z "$odd" ] || for path do
        shift
        if [ -L "$path" ] || [ ! -f "$path" ]; then
            printf 'x/%s\0%s\0' "$path" changed # a FIFO or a device is never opened
        elif [ ! -r "$path" ]; then
            printf 'x/%s\0%s\0' "$path" 'Permission denied'
        else
            set -- "$@" "$path"
        fi
    done
    [ $# -gt 0 ] || return 0
    sha256sum "$@" 2>/dev/null | tr '\n' '\0'
    fb_entries "$@"
}

# fb_hash_odd PATH...: the same, one by one, for names that sha256sum would write in another way.
fb_hash_odd() {
    fb_flavour && fb_need sha256sum || return 0
    for arg do
        fb_path "$arg"
        [ -f "$path" ] && [ ! -L "$path" ] && [ -r "$path" ] || { printf 'x/%s\0%s\0' "$path" changed; continue; }
        sum=$(sha256sum <"$path" 2>/dev/null) || continue
        printf '%s  %s\0' "${sum%% *}" "$path"
        if [ "$flavour" = gnu ]; then
            fb_entries "$path"
        else
            entry=$(stat -c "${stat_format%/%n}" "$path" 2>/dev/null) && printf '%s/%s\0' "$entry" "$path"
        fi
    done
}

# fb_acl PATH...: "getfacl" and what it shows of those that have an ACL; without it "ls" and their paths.
fb_acl() {
    ! fb_encoded "$@" || for arg do fb_path "$arg"; set -- "$@" "$path"; shift; done
    if command -v getfacl >/dev/null 2>&1; then
        printf 'getfacl\0'
        # In a directory root the numbers have other names than here.
        getfacl -p -P -s ${root:+-n} "$@" 2>/dev/null
        printf '\0'
    elif ls --version 2>/dev/null | grep -q GNU; then # others don't mark them
        printf 'ls\0'
        ls -ldn "$@" 2>/dev/null | grep -q '^[-d][-rwxsStT]\{9\}+' || return 0
        for path do
            case $(ls -ldn "$path" 2>/dev/null) in
                [-d]?????????+*) printf '%s\0' "$path" ;;
            esac
        done
    else
        status='missing getfacl'
    fi
}

# fb_caps PATH...: what getcap shows of those that have capabilities.
fb_caps() {
    fb_need getcap || return 0
    ! fb_encoded "$@" || for arg do fb_path "$arg"; set -- "$@" "$path"; shift; done
    getcap "$@" 2>/dev/null
}

# --- whole trees: everything below a directory on the same file system, without naming it ---------------------------

# fb_tree_hash BYTES DIRECTORY: digests of the regular files that have no more bytes than that, and whose names sha256sum
# writes as they are. GNU's writes whole lines, so two may write at once.
fb_tree_hash() {
    fb_flavour && fb_need sha256sum tr xargs || return 0
    fb_path "$2"
    set -- -xdev -type f -size "-$(($1 + 1))c" ! -path '*[\\[:cntrl:]]*'
    jobs=1 readable=
    case $(sha256sum --version 2>/dev/null) in *GNU*) jobs=2 ;; esac
    if [ "$flavour" = gnu ] && find . -maxdepth 0 -readable >/dev/null 2>&1; then
        readable=-readable
        find "$path" "$@" ! -readable -printf 'x/%p\0Permission denied\0' 2>/dev/null
    fi
    if [ "$jobs" = 2 ] && xargs -P 2 true </dev/null 2>/dev/null; then
        # In an order of its own: who writes first is chance, and the whole has a digest, too.
        find "$path" "$@" $readable -print0 2>/dev/null | xargs -0 -r -P 2 -n 500 sha256sum 2>/dev/null |
            sort -k 2 | tr '\n' '\0'
    else
        find "$path" "$@" $readable -print0 2>/dev/null | xargs -0 -r -n 500 sha256sum 2>/dev/null | tr '\n' '\0'
    fi
}

# fb_tree_sum BYTES DIRECTORY: the digest of what "tree" would answer.
fb_tree_sum() {
    fb_need sha256sum || return 0
    sum=$(fb_tree "$@" | sha256sum)
    printf %s "${sum%% *}"
}

# fb_tree_acl DIRECTORY: as "acl".
fb_tree_acl() {
    fb_need find xargs || return 0
    fb_path "$1"
    if command -v getfacl >/dev/null 2>&1; then
        printf 'getfacl\0'
        find "$path" -xdev -mindepth 1 '(' -type f -o -type d ')' -print0 2>/dev/null |
            xargs -0 -r -n 1000 getfacl -p -P -s ${root:+-n} 2>/dev/null
        printf '\0'
    elif ls --version 2>/dev/null | grep -q GNU; then
        if find "$path" -xdev -mindepth 1 '(' -type f -o -type d ')' -print0 2>/dev/null |
            xargs -0 -r -n 1000 ls -ldn 2>/dev/null | grep -q '^[-d][-rwxsStT]\{9\}+'; then
            status='missing getfacl' # somewhere there is one
        else
            printf 'ls\0'
        fi
    else
        status='missing getfacl'
    fi
}

# fb_tree_caps DIRECTORY: as "caps", of programs.
fb_tree_caps() {
    fb_need getcap find xargs || return 0
    fb_path "$1"
    find "$path" -xdev -type f -perm -0100 -print0 2>/dev/null | xargs -0 -r -n 1000 getcap 2>/dev/null
    find "$path" -xdev -type f ! -perm -0100 '(' -perm -0010 -o -perm -0001 ')' -print0 2>/dev/null |
        xargs -0 -r -n 1000 getcap 2>/dev/null
}

# fb_read BYTES PATH: the beginning of one regular file, as it is.
fb_read() {
    fb_need head || return 0
    fb_path "$2"
    [ -f "$path" ] && [ ! -L "$path" ] && [ -r "$path" ] || { status=changed; return 0; }
    head -c "$1" "$path" 2>/dev/null
}

# --- texts of well-known files, for the verbs of kinds --------------------------------------------------------------

# fb_seen FILE: whether it is a regular file that may be read. $why says why not: absent, denied, link (which could
# lead out of a directory root) or odd (a FIFO or a device is never opened).
fb_seen() {
    why=absent up=$1
    # It is absent where the nearest directory that is there may be searched. "./x" ends with ".".
    until [ -e "$up" ] || [ -L "$up" ]; do up=${up%/*}; done
    if [ -n "$root" ]; then
        real=$(cd -P "${up%/*}" 2>/dev/null && printf '%s/' "$PWD")
        case $real in "$root"/*) ;; *) why=link; return 1 ;; esac
        [ ! -L "$up" ] || { why=link; return 1; }
    fi
    if [ "$up" != "$1" ]; then
        [ ! -d "$up" ] || [ -x "$up" ] || why=denied
    elif [ ! -e "$1" ]; then
        : # a link to nothing
    elif [ ! -f "$1" ]; then
        why=odd
    elif [ ! -r "$1" ]; then
        why=denied
    else
        return 0
    fi
    return 1
}

# fb_text FILE: "f/FILE" and its text, or "x/FILE" and why not; nothing where it does not exist.
fb_text() {
    if fb_seen "$1"; then
        printf 'f/%s\0' "$1"
        head -c 262144 "$1" 2>/dev/null | tr '\000' '\001'
        printf '\0'
    elif [ "$why" != absent ]; then
        printf 'x/%s\0%s\0' "$1" "$why"
    fi
}

# fb_times FILE...: ends such a list with the entries of the files, for who wants to know when they were changed.
fb_times() {
    printf 'times/\0'
    kept=$status
    [ $# -eq 0 ] || ! fb_flavour || fb_entries "$@"
    status=$kept
}

# fb_tool NAME COMMAND...: "t/NAME", what the command printed, its exit status and the beginning of what it complained of.
fb_tool() {
    printf 't/%s\0' "$1"
    shift
    { said=$("$@" 2>&1 >&3 3>&-); code=$?; } 3>&1
    said=${said%%"$newline"*}
    printf '\0%s %.200s\0' "$code" "$said"
}

# fb_units TYPES PROPERTIES: "t/systemctl" with these properties of all units of these types, except templates. What is
# on disk is found by name: to list unit files, systemd would read all of them, which takes half a second of its time.
fb_units() {
    fb_need systemctl || return 1
    loaded=$(systemctl list-units --all --plain --no-legend --no-pager --full --type="$1" 2>&1) || {
        printf 't/systemctl\0\0001 %.200s\0' "$loaded"
        return 0
    }
    units=
    IFS=$newline
    for line in $loaded; do
        case $line in ['* ']*) line=${line#??} ;; esac # how old versions mark a unit that failed
        case $line in user@*|user-runtime-dir@*) continue ;; esac # they come and go with whoever logs in, as we do
        units="$units ${line%% *}"
    done
    IFS=,
    types=$1
    about=$2
    set +f
    for dir in etc/systemd/system.control run/systemd/system.control etc/systemd/system etc/systemd/system.attached \
        run/systemd/system run/systemd/generator.early run/systemd/generator run/systemd/generator.late \
        usr/local/lib/systemd/system usr/lib/systemd/system lib/systemd/system; do
        for type in $types; do
            for file in "./$dir"/*."$type" "./$dir"/*.wants/*@?*."$type" "./$dir"/*.requires/*@?*."$type"; do
                name=${file##*/}
                case "$name $units " in
                    *@.*|'*'*|*' '*" $name "*) ;; # a template; nothing of the kind; one that is known already
                    *) units="$units $name" ;;
                esac
            done
        done
    done
    set -f
    IFS=' '
    # Times are told in UTC, whatever the zone of the host.
    fb_tool systemctl env TZ=UTC0 systemctl show --no-pager --property="$about" -- $units
}

# --- the call ---------------------------------------------------------------------------------------------------

# fb_kind VERB: one verb of a kind. An installed collector has another one, which asks through sudo.
fb_kind() {
    "fb_$1"
}

# fb_begin ROOT: what everything above relies on.
fb_begin() {
    set -f
    umask 077
    LC_ALL=C
    PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
    export LC_ALL PATH
    unset CDPATH LANGUAGE POSIXLY_CORRECT
    newline='
'
    IFS=' '
    flavour=
    gnu_format='e/%y/%m/%U/%G/%s/%T@/%C@/%i/%D/%n/%p\0%l\0'
    stat_format='s/%f/%u/%g/%s/%Y/%Z/%i/%d/%h/%n'
    cd -P "$1" 2>/dev/null || return 1
    root=${PWD%/}
}

foldback() {
    nonce=$1
    question=$2
    fb_begin "${FOLDBACK_ROOT:-/}" || { fb_mark 'noroot'; return 0; }
    fb_mark open
    case $question in
        '0 sum'*) fb_sums "$question" ;;
        *) fb_answers "$question" ;;
    esac
    fb_mark close
}

fb_answers() {
    IFS=$newline
    for ask in $1; do
        IFS=' '
        set -- $ask
        id=$1
        shift
        fb_mark "begin $id"
        fb_answer "$@"
        fb_mark "end $id $status"
    done
}

# fb_answer VERB ARGUMENT...
fb_answer() {
    verb=$1
    shift
    status=ok
    case $verb in
        clock|facts|about|names|uids|gids|dirs|list|tree|tree_sum|tree_acl|tree_caps|tree_hash|acl|caps|hash|hash_odd|read) "fb_$verb" "$@" ;;
        *)  # the verbs of other kinds are sent, in files of their own, only when they are asked for
            case " $fb_verbs " in
                *" $verb "*) fb_kind "$verb" ;;
                *) status=verb ;;
            esac ;;
    esac
}

# fb_sums QUESTION: of each run of lines with the same number one digest, of all that would have been answered.
fb_sums() {
    ! fb_flavour || : # asked here once: what follows runs in processes of its own
    status=ok
    fb_need sha256sum || { fb_mark "begin 0"; fb_mark "end 0 $status"; return 0; }
    section= part=
    IFS=$newline
    for ask in $1 end; do
        number=${ask%% *}
        if [ "$number" = "$section" ]; then
            part=$part$newline$ask
            continue
        fi
        [ "${section:-0}" = 0 ] || fb_sum
        IFS=$newline
        section=$number part=$ask
    done
    IFS=' '
}

fb_sum() {
    fb_mark "begin $section"
    sum=$(
        IFS=$newline
        for ask in $part; do
            IFS=' '
            set -- $ask
            shift
            fb_answer "$@"
            printf '\0%s\0' "$status"
        done | sha256sum
    )
    printf %s "${sum%% *}"
    fb_mark "end $section ok"
}
