# fb_authorized_keys: the files from which sshd takes the keys of local users. Only lines that look like a key leave
# the host, so that a link that a user lays to a file of somebody else shows nothing of it; any other line is "?".

fb_authorized_keys() {
    fb_need head tr sed || return 0
    if ! fb_seen ./etc/passwd; then
        [ "$why" = absent ] || status="denied ./etc/passwd"
        return 0
    fi
    patterns=
    tab=$(printf '\t')
    set +f
    for file in ./etc/ssh/sshd_config ./etc/ssh/sshd_config.d/*.conf; do
        if fb_seen "$file"; then
            fb_authorized_keys_files <"$file"
        elif [ "$why" != absent ]; then
            printf 'x/%s\0%s\0' "$file" "$why"
        fi
    done
    set -f
    set --
    uid=$(id -u)
    slow=
    ! timeout 1 true 2>/dev/null || slow='timeout 10'
    while IFS=: read -r name _ _ _ _ home _; do
        case $home in
            /*) ;;
            *) continue ;;
        esac
        for pattern in .ssh/authorized_keys .ssh/authorized_keys2 $patterns; do
            fb_authorized_keys_path
            if fb_seen "$file"; then
                [ "$uid" != 0 ] || [ ! -L "$file" ] || { printf 'x/%s\0symlink\0' "$file"; continue; }
                # It is somebody else's: who puts a pipe in its place meanwhile is not waited for, and keys behind more
                # than is read are not hidden.
                text=$({ $slow head -c 262144 "$file" 2>/dev/null; printf '\n%s' "$?"; } | tr '\000' '\001')
                code=${text##*"$newline"} text=${text%"$newline"*}
                [ "$code" = 0 ] || { printf 'x/%s\0changed while being read\0' "$file"; continue; }
                [ "${#text}" -lt 262144 ] || { printf 'x/%s\0more than 256 KiB\0' "$file"; continue; }
                printf 'f/%s\0' "$file"
                printf '%s\n' "$text" | sed -n '
                    /^[[:space:]]*#/d
                    /^[[:space:]]*$/d
                    /[a-z0-9@.-][a-z0-9@.-]* AAAA[0-9A-Za-z+\/=]/!s/.*/?/
                    p'
                printf '\0'
                set -- "$@" "$file"
            elif [ "$why" != absent ]; then
                printf 'x/%s\0%s\0' "$file" "$why"
            fi
        done
    done <./etc/passwd
    fb_times "$@"
}

# What AuthorizedKeysFile says, added to $patterns; what is not simple is told: "c/" and the line.
fb_authorized_keys_files() {
    while IFS=" $tab" read -r key value || [ -n "$key" ]; do
        case $key in
            [Aa]uthorized[Kk]eys[Ff]ile) ;;
            [Aa]uthorized[Kk]eys[Cc]ommand) printf 'c/%s %s\0' "$key" "$value"; continue ;;
            *) continue ;;
        esac
        for pattern in $value; do
            case $pattern in
                none|.ssh/authorized_keys|.ssh/authorized_keys2|%h/.ssh/authorized_keys|%h/.ssh/authorized_keys2) ;;
                *[!A-Za-z0-9/._%@+-]*) printf 'c/%s %s\0' "$key" "$pattern" ;;
                *) case $(printf '%s' "$pattern" | sed 's/%%//g; s/%[uh]//g') in
                       *%*) printf 'c/%s %s\0' "$key" "$pattern" ;;
                       *) patterns="$patterns $pattern" ;;
                   esac ;;
            esac
        done
    done
}

# The path of $pattern for the user $name with the directory $home, in $file.
fb_authorized_keys_path() {
    file= rest=$pattern
    while :; do
        case $rest in
            *%*) file=$file${rest%%%*} rest=${rest#*%} ;;
            *) file=$file$rest; break ;;
        esac
        case $rest in
            u*) file=$file$name ;;
            h*) file=$file$home ;;
            *) file=$file% ;;
        esac
        rest=${rest#?}
    done
    case $file in
        /*) file=.$file ;;
        *) file=.${home%/}/$file ;;
    esac
}
