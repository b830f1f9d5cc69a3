# fb_modules: the modules of the kernel that are loaded, built in, to be loaded at boot, and kept from being loaded.

fb_modules() {
    fb_need head tr uname || return 0
    set --
    if [ -n "$root" ]; then
        fb_tool rooted :
    elif [ -r ./proc/modules ]; then
        fb_tool loaded head -c 1048576 ./proc/modules
        release=$(uname -r)
        [ ! -r "./lib/modules/$release/modules.builtin" ] ||
            fb_tool builtin head -c 1048576 "./lib/modules/$release/modules.builtin"
    elif [ ! -d ./proc/self ]; then
        status='missing /proc'
        return 0
    else
        fb_tool unseen : # a kernel that can't load any
    fi
    for dir in etc/modules-load.d run/modules-load.d usr/local/lib/modules-load.d usr/lib/modules-load.d \
        lib/modules-load.d etc/modprobe.d run/modprobe.d usr/local/lib/modprobe.d usr/lib/modprobe.d lib/modprobe.d; do
        case $dir in lib/*) [ ! -L ./lib ] || continue ;; esac
        [ -d "./$dir" ] || continue
        if [ ! -r "./$dir" ] || [ ! -x "./$dir" ]; then
            printf 'x/./%s\0denied\0' "$dir"
            continue
        fi
        set +f
        for file in "./$dir"/*.conf; do
            if [ -c "$file" ]; then
                printf 'f/%s\0\0' "$file" # a link to /dev/null hides files of this name elsewhere
            elif [ -f "$file" ] && { [ -z "$root" ] || [ ! -L "$file" ]; }; then
                fb_text "$file"
                set -- "$@" "$file"
            fi
        done
        set -f
    done
    fb_text ./etc/modules
    fb_times ./etc/modules "$@"
}
