# fb_packages: what each package manager that has a database here says is installed, and what is held.

fb_packages() {
    fb_need grep head tr || return 0
    found=
    if fb_packages_at ./var/lib/dpkg/status; then
        fb_need dpkg-query || return 0
        fb_tool dpkg dpkg-query --admindir="$root/var/lib/dpkg" -W -f \
            '${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\t${db-fsys:Last-Modified}\n'
    fi
    for dir in ./usr/lib/sysimage/rpm ./var/lib/rpm; do
        # Asked of a database that is not there, rpm would make one.
        if fb_packages_at "$dir/rpmdb.sqlite" || fb_packages_at "$dir/Packages.db" || fb_packages_at "$dir/Packages"; then
            fb_need rpm || return 0
            fb_tool rpm rpm ${root:+--dbpath "$root${dir#.}"} -qa --qf \
                '%{NAME}\t%{ARCH}\t%{EPOCH}\t%{VERSION}-%{RELEASE}\t%{INSTALLTIME}\n'
            break
        fi
    done
    for file in ./usr/lib/apk/db/installed ./lib/apk/db/installed; do
        if fb_packages_at "$file"; then
            fb_tool apk grep '^[PVA]:' "$file"
            break
        fi
    done
    if [ "$status" = ok ] && [ -z "$found" ]; then
        status='missing package manager'
    fi
    for file in ./etc/dnf/plugins/versionlock.list ./etc/yum/pluginconf.d/versionlock.list \
        ./etc/dnf/versionlock.toml ./etc/apk/world; do
        fb_text "$file"
    done
    fb_times
}

# fb_packages_at FILE: whether a manager's database is there. One that may not be read makes all of it unknown.
fb_packages_at() {
    if fb_seen "$1"; then
        found=1
        return 0
    fi
    [ "$why" = absent ] || status="denied ${1#.}"
    return 1
}
