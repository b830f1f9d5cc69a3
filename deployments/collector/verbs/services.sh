# fb_services: what the service manager that runs here knows of services, sockets and paths, and what overrides them.

fb_services() {
    fb_running || return 0
    fb_need head tr || return 0
    set --
    init=
    [ ! -r ./proc/1/comm ] || read -r init <./proc/1/comm || :
    if [ -d ./run/systemd/system ]; then
        fb_services_systemd
    elif [ -d ./run/openrc ]; then
        fb_services_openrc
    elif [ "$init" = init ] && [ -d ./etc/init.d ]; then
        fb_services_sysv
    else
        status='missing running service manager'
    fi
}

fb_services_systemd() {
    about=Id,Names,LoadState,ActiveState,SubState,UnitFileState,Type,BusName,TriggeredBy,WantedBy,RequiredBy
    fb_units service,socket,path "$about,Transient,NeedDaemonReload,Job,StateChangeTimestamp" || return 0
    set +f
    for dir in ./etc/systemd/system/*.d ./run/systemd/system/*.d; do
        case $dir in
            *.service.d|*.socket.d|*.path.d) ;;
            *) continue ;;
        esac
        if [ ! -r "$dir" ] || [ ! -x "$dir" ]; then
            printf 'x/%s\0denied\0' "$dir"
            continue
        fi
        for file in "$dir"/*.conf; do
            [ -e "$file" ] || continue
            fb_text "$file"
            set -- "$@" "$file"
        done
    done
    set -f
    fb_times "$@"
}

fb_services_openrc() {
    printf 't/openrc\0'
    set +f
    fb_services_names script ./etc/init.d/*
    for dir in ./etc/runlevels/*; do
        fb_services_names enabled "$dir"/*
    done
    for state in started starting stopping inactive failed; do
        fb_services_names "$state" "./run/openrc/$state"/*
    done
    set -f
    printf '\0000 \0times/\0'
}

fb_services_sysv() {
    printf 't/sysv\0'
    set +f
    fb_services_names script ./etc/init.d/*
    for link in ./etc/rc[S2345].d/S[0-9][0-9]* ./etc/rc.d/rc[2345].d/S[0-9][0-9]*; do
        [ ! -e "$link" ] || printf 'enabled %s\n' "${link##*/S[0-9][0-9]}"
    done
    set -f
    printf '\0000 \0times/\0'
}

# fb_services_names WHAT PATH...: a line for each that is there; of scripts, for those that may be run.
fb_services_names() {
    what=$1
    shift
    for file do
        [ -e "$file" ] || [ -L "$file" ] || continue
        [ "$what" != script ] || [ -x "$file" ] && [ ! -d "$file" ] || continue
        printf '%s %s\n' "$what" "${file##*/}"
    done
}
