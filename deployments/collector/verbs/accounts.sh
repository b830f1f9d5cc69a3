# fb_accounts: who ./etc/passwd and ./etc/group name. The second field, which may hold a digest of a password, never
# leaves the host; shadow files are not opened.

fb_accounts() {
    fb_need cut || return 0
    set --
    for file in ./etc/passwd ./etc/group; do
        if fb_seen "$file"; then
            printf 'f/%s\0' "$file"
            cut -s -d: -f1,3- "$file" 2>/dev/null
            printf '\0'
            set -- "$@" "$file"
        elif [ "$why" != absent ]; then
            printf 'x/%s\0%s\0' "$file" "$why"
        fi
    done
    fb_times "$@"
}
