# fb_firewall: rules of nftables and iptables: pairs TOOL/TEXT and STATUS MESSAGE. A tool is run only where the kernel
# has what it asks about: it would load that, which is a change. "missing/TOOL" where there may be rules without it.

fb_firewall_run() {
    printf '%s/' "$1"
    shift
    {
        error=$("$@" 2>&1 >&3)
        code=$?
    } 3>&1
    printf '\0%s %s\0' "$code" "$error"
}

fb_firewall() {
    fb_running || return 0
    legacy=./proc/net/ip_tables_names
    # A module that is built in has no folder, but its symbols; where neither can be read, the tools are asked.
    if [ -d ./sys/module/nf_tables ] || [ ! -r ./proc/kallsyms ] || grep -q ' nf_tables_new' ./proc/kallsyms; then
        if ! command -v nft >/dev/null 2>&1; then
            printf 'missing/nft\0'
        elif nft -s -c -f /dev/null >/dev/null 2>&1; then
            fb_firewall_run nft nft -s list ruleset
        else
            fb_firewall_run nft nft list ruleset # too old for -s, or not allowed
        fi
        nft=yes
    else
        nft=no
    fi
    for tool in iptables ip6tables; do
        [ "$tool" = iptables ] || legacy=./proc/net/ip6_tables_names
        tables=
        [ ! -r "$legacy" ] || read -r tables <"$legacy" || :
        if ! command -v "$tool-save" >/dev/null 2>&1; then
            { [ ! -e "$legacy" ] || [ -r "$legacy" ]; } && [ -z "$tables" ] || printf 'missing/%s-save\0' "$tool"
            continue
        fi
        case $("$tool-save" -V 2>/dev/null) in
            *nf_tables*)
                [ "$nft" = no ] || fb_firewall_run "$tool" "$tool-save"
                [ -z "$tables" ] || if command -v "$tool-legacy-save" >/dev/null 2>&1; then
                    fb_firewall_run "$tool-legacy" "$tool-legacy-save"
                else
                    printf 'missing/%s-legacy-save\0' "$tool"
                fi ;;
            *)  if [ -e "$legacy" ] && [ ! -r "$legacy" ] || [ -n "$tables" ]; then
                    fb_firewall_run "$tool-legacy" "$tool-save"
                fi ;;
        esac
    done
    printf 'end/\0'
}
