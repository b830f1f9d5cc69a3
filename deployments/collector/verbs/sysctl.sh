# fb_sysctl: the kernel's settings as they are now, and as the files say they are to be after the next boot.

fb_sysctl() {
    fb_need find grep head tr || return 0
    set --
    if [ -z "$root" ]; then
        IFS=$newline
        # Not of single interfaces, which come and go; nor what is random or secret; nor what acts when it is read; nor
        # counters, which are others at every look.
        set -- $(find ./proc/sys -xdev \
            \( -type d -path './proc/sys/net/*/conf/*' ! -name all ! -name default -prune \) -o \
            \( -type d -path './proc/sys/net/*/neigh/*' ! -name default -prune \) -o \
            \( -type d \( -path ./proc/sys/fs/binfmt_misc -o -path ./proc/sys/kernel/random \
                -o -path ./proc/sys/kernel/sched_domain \) -prune \) -o \
            -type f -perm -400 ! -name stable_secret ! -name tcp_fastopen_key ! -name netdev_rss_key \
            ! -name stat_refresh ! -name flush ! -name aio-nr ! -name dentry-state ! -name file-nr ! -name inode-nr \
            ! -name inode-state ! -name ns_last_pid ! -name nf_conntrack_count ! -name hung_task_detect_count \
            ! -path ./proc/sys/kernel/pty/nr -print 2>/dev/null)
        IFS=' '
        fb_tool values fb_sysctl_values "$@"
        fb_tool denied fb_sysctl_denied "$@"
        # systemd reads /etc/sysctl.conf only where a link in sysctl.d leads to it.
        for file in ./usr/lib/systemd/systemd-sysctl ./lib/systemd/systemd-sysctl; do
            [ ! -x "$file" ] || { fb_tool systemd :; break; }
        done
    else
        fb_tool rooted :
    fi
    set --
    for dir in ./etc/sysctl.d ./run/sysctl.d ./usr/local/lib/sysctl.d ./usr/lib/sysctl.d ./lib/sysctl.d; do
        [ "$dir" != ./lib/sysctl.d ] || [ ! -L ./lib ] || continue
        [ -d "$dir" ] || continue
        if [ ! -r "$dir" ] || [ ! -x "$dir" ]; then
            printf 'x/%s\0denied\0' "$dir"
            continue
        fi
        set +f
        for file in "$dir"/*.conf; do
            if [ -c "$file" ]; then
                printf 'f/%s\0\0' "$file" # a link to /dev/null hides files of this name elsewhere
            elif [ -f "$file" ] && { [ -z "$root" ] || [ ! -L "$file" ]; }; then
                fb_text "$file"
                set -- "$@" "$file"
            fi
        done
        set -f
    done
    fb_text ./etc/sysctl.conf
    fb_times ./etc/sysctl.conf "$@"
}

fb_sysctl_values() {
    [ $# -eq 0 ] || grep -a -s -H '' "$@" || :
}

fb_sysctl_denied() {
    for file do
        [ -r "$file" ] || printf '%s\n' "$file"
    done
}
