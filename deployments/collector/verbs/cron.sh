# fb_cron: the system's table of jobs, those in cron.d, those of users, and the timers of systemd.

fb_cron() {
    fb_need cut head tr || return 0
    set --
    if [ -n "$root" ]; then
        printf 't/rooted\0\0000 \0'
    elif [ -d ./run/systemd/system ]; then
        about=Id,Names,LoadState,ActiveState,SubState,UnitFileState,WantedBy,RequiredBy,TriggeredBy,Transient,Job
        fb_units timer "$about,StateChangeTimestamp,TimersCalendar,TimersMonotonic" || return 0
    fi
    # Of users: where Debian, SUSE, Alpine and others keep them. The first that is there counts: others are links to it.
    for spool in ./var/spool/cron/crontabs ./var/spool/cron/tabs ./etc/crontabs ./var/spool/cron; do
        fb_cron_folder "$spool" && break
        case $why in absent|link) ;; *) break ;; esac
    done
    case $why in
        absent) spool= ;;
        seen) ;;
        *)  # The names are of use then: whether they have a table is unknown.
            [ "$why" != denied ] || fb_tool users cut -s -d: -f1 ./etc/passwd
            printf 'x/%s\0%s\0' "$spool" "$why"
            spool= ;;
    esac
    fb_text ./etc/crontab
    if fb_cron_folder ./etc/cron.d; then
        debian=
        [ ! -e ./etc/debian_version ] || debian=1
        set +f
        for file in ./etc/cron.d/*; do
            case ${debian:+debian}${file##*/} in
                debian*[!A-Za-z0-9_-]*|*~|'#'*|*.rpm*|*.cfsaved|'*') continue ;; # cron passes these by
            esac
            fb_text "$file"
            set -- "$@" "$file"
        done
        set -f
    elif [ "$why" != absent ]; then
        printf 'x/./etc/cron.d\0%s\0' "$why"
    fi
    if [ -n "$spool" ]; then
        set +f
        for file in "$spool"/*; do
            case ${file##*/} in
                tmp.*|cron.update|'*') continue ;; # one that is just being edited; BusyBox's own
            esac
            [ -d "$file" ] || fb_text "$file"
            set -- "$@" "$file"
        done
        set -f
    fi
    fb_times ./etc/crontab "$@"
}

# fb_cron_folder DIRECTORY: whether it is there and may be read and entered; $why says why not, or "seen".
fb_cron_folder() {
    fb_seen "$1/x.~" || :
    [ "$why" != absent ] || [ -d "$1" ] || return 1
    [ "$why" = absent ] || return 1
    [ -r "$1" ] || { why=denied; return 1; }
    why=seen
}
