# fb_sudoers: the rules of sudo, where distributions keep them, and the files beside them that sudo would read.

fb_sudoers() {
    fb_need head tr || return 0
    set --
    for above in ./etc ./usr/etc ./usr/local/etc; do
        fb_text "$above/sudoers"
        set -- "$@" "$above/sudoers"
        fb_seen "$above/sudoers.d/x.~" || : # is the directory there, and may it be searched?
        case $why in
            absent) [ ! -d "$above/sudoers.d" ] || [ -r "$above/sudoers.d" ] || why=denied ;;
        esac
        if [ "$why" != absent ]; then
            printf 'x/%s\0%s\0' "$above/sudoers.d" "$why"
            continue
        fi
        set +f
        for file in "$above"/sudoers.d/*; do
            case ${file##*/} in
                *.*|*~|'*') continue ;; # sudo passes these by
            esac
            fb_text "$file"
            set -- "$@" "$file"
        done
        set -f
    done
    fb_times "$@"
}
