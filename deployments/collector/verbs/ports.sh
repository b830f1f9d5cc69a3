# fb_ports: sockets that listen, with the processes that we may see: ss, or netstat where there is no ss.

fb_ports() {
    fb_running || return 0
    printf 'uid/%s\0' "$(id -u)"
    [ -r ./proc/sys/net/ipv4/ip_local_port_range ] && read -r line <./proc/sys/net/ipv4/ip_local_port_range &&
        printf 'range/%s\0' "$line"
    if command -v ss >/dev/null 2>&1; then
        printf 'ss/'
        ss -lntup 2>/dev/null || printf 'failed\n'
    elif fb_need netstat; then
        printf 'netstat/'
        # Long addresses are cut without -W, which not all of them know; nor do all tell processes.
        for options in lntupW lntup lntuW lntu; do
            netstat "-$options" 2>/dev/null && break
        done || printf 'failed\n'
    else
        status='missing ss'
        return 0
    fi
    printf '\0'
}
