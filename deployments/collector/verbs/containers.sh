# fb_containers: containers of docker and of podman, as ENGINE/LINES, then STATUS MESSAGE; no environment. An engine
# that does not run is not started to be asked: "x/ENGINE" and why not.

# fb_containers_of ENGINE COMMAND...
fb_containers_of() {
    engine=$1
    shift
    ids=$("$@" ps -aq --no-trunc 2>&1) || { printf '%s/\0001 %s\0' "$engine" "$ids"; return 0; }
    printf '%s/' "$engine"
    error= code=0
    if [ -n "$ids" ]; then
        IFS=$newline
        set -- "$@" inspect --type container --format "$form" $ids
        IFS=' '
        {
            error=$("$@" 2>&1 >&3)
            code=$?
        } 3>&1
    fi
    printf '\0%s %s\0' "$code" "$error"
}

fb_containers() {
    fb_running || return 0
    form='{{json .Name}} {{json .Config.Image}} {{json .Image}} {{json .State.Running}} {{json .HostConfig.RestartPolicy.Name}} {{json .HostConfig.PortBindings}} {{json .HostConfig.AutoRemove}}'
    socket=./var/run/docker.sock
    if [ -S "$socket" ] && [ ! -w "$socket" ]; then
        printf 'x/docker\0denied\0'
    elif [ -S "$socket" ] && [ -e ./var/run/docker.pid ]; then
        if command -v docker >/dev/null 2>&1; then
            fb_containers_of docker docker --host unix:///var/run/docker.sock
        else
            printf 'x/docker\0missing\0'
        fi
    elif [ -d ./var/lib/docker ] || [ -S "$socket" ]; then
        printf 'x/docker\0stopped\0' # its socket would start it
    fi
    # Who is not root is shown containers of their own, in a storage that podman would make for the purpose.
    if [ -d ./var/lib/containers/storage ]; then
        if [ "$(id -u)" != 0 ]; then
            printf 'x/podman\0denied\0'
        elif command -v podman >/dev/null 2>&1; then
            fb_containers_of podman podman
        else
            printf 'x/podman\0missing\0'
        fi
    fi
    printf 'end/\0'
}
