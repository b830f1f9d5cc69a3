# fb_shipped: below /etc, "p/PATH" for what belongs to packages, and "s/PATH" for each file whose content is as its package
# brought it; then "done". Comparing is done here: so nothing of a file's content, not even a digest, is told.

fb_shipped() {
    fb_need sed grep sort tr || return 0
    set +f
    if fb_seen ./var/lib/dpkg/status; then
        fb_need dpkg-query md5sum && fb_shipped_dpkg
    elif command -v rpm >/dev/null 2>&1; then
        fb_need sha256sum && fb_shipped_rpm
    else
        status='missing dpkg-query'
    fi
    set -f
    [ "$status" != ok ] || printf 'done\0'
}

fb_shipped_dpkg() {
    known=$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Conffiles}\n' 2>/dev/null) || {
        status='denied /var/lib/dpkg'
        return 0
    }
    # What is in none of these belongs to no package: so they have to be there, and all of them readable.
    for list in ./var/lib/dpkg/info/*.list; do
        [ -r "$list" ] || { status='denied /var/lib/dpkg/info'; return 0; }
    done
    known=$(
        printf '%s\n' "$known" | sed -n 's|^ \(/etc/.*\) \([0-9a-f]\{32\}\)\( obsolete\)\{0,1\}$|\2  .\1|p'
        sed -n 's|^\([0-9a-f]\{32\}\)  /etc/|\1  ./etc/|p' ./var/lib/ucf/hashfile 2>/dev/null
        grep -h '^[0-9a-f]\{32\}  etc/' ./var/lib/dpkg/info/*.md5sums 2>/dev/null | sed 's|  |  ./|'
    )
    {
        grep -h '^/etc/.' ./var/lib/dpkg/info/*.list 2>/dev/null
        printf '%s\n' "$known" | sed -n 's|^[0-9a-f]*  \.||p'
    } | fb_shipped_paths
    printf '%s\n' "$known" | fb_shipped_check md5sum
}

fb_shipped_rpm() {
    known=$(rpm ${root:+--root "$root"} -qa --qf '[%{FILEDIGESTS}  %{FILENAMES}\n]' 2>/dev/null) || {
        status='denied the database of rpm'
        return 0
    }
    known=$(printf '%s\n' "$known" | grep '  /etc/')
    # A database without a file below /etc is none: nothing would belong to a package any more.
    [ -n "$known" ] || { status='missing database of rpm'; return 0; }
    printf '%s\n' "$known" | sed 's|^[0-9a-f]*  ||' | fb_shipped_paths
    printf '%s\n' "$known" | sed -n 's|^\([0-9a-f]\{64\}\)  |\1  .|p' | fb_shipped_check sha256sum
}

fb_shipped_paths() {
    sort -u | sed -n 's|^/|p/|p' | tr '\n' '\0'
}

# fb_shipped_check TOOL: of lines "DIGEST  ./PATH" those that are so. Only regular files are opened.
fb_shipped_check() {
    while IFS= read -r line; do
        path=${line#*  }
        case $path in
            *\\*) ;;
            *) [ -f "$path" ] && [ ! -L "$path" ] && [ -r "$path" ] && printf '%s\n' "$line" ;;
        esac
    done | "$1" -c 2>/dev/null | sed -n 's|^\./\(.*\): OK$|s/\1|p' | sort -u | tr '\n' '\0'
}
