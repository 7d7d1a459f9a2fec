#!/bin/sh
# A stick that is a router of its own, like Huawei's HiLink sticks: a network interface for the Pi, DHCP, DNS and address
# translation behind it, and the carrier of world.sh, which must be up.
#
#   hilink.sh plug [ecm|rndis|ncm [PREFIX]]   plug it in; PREFIX: first three octets of its network, 192.168.8
#   hilink.sh unplug                          pull it out; what it was stays with it
#   hilink.sh off|on                          its DHCP server falls silent, speaks again
#
# It takes the socket of the modem stick (stick.py), of which one at a time can be plugged in. The kernel has both ends
# of it; the stick's own is moved into the namespace "hilink".
set -eu

GADGET=/sys/kernel/config/usb_gadget/hilink
CONTROLLER=dummy_udc.0
MOBILE=203.0.113.130
CARRIER=203.0.113.129
STATE=/run/hilink
DEADLINE=10

main() {
    command=${1:-}
    [ $# -eq 0 ] || shift
    case $command in
        plug) plug "${1:-ecm}" "${2:-192.168.8}" ;;
        unplug) echo >"$GADGET/UDC" ;;
        off) systemctl stop hilink-dnsmasq.service ;;
        on) serves ;;
        *)
            sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" >&2
            exit 64
            ;;
    esac
}

plug() {
    if [ -d "$GADGET" ]; then
        echo "$CONTROLLER" >"$GADGET/UDC"
        return
    fi
    mkdir -p "$STATE"
    echo "$2" >"$STATE/prefix"
    builds "$1"
    echo "$CONTROLLER" >"$GADGET/UDC"
    timeout "$DEADLINE" sh -c 'until [ -e /sys/class/net/hl0 ]; do sleep 0.1; done'
    routes "$2"
    serves
}

builds() {
    modprobe libcomposite
    mkdir -p "$GADGET/strings/0x409" "$GADGET/configs/c.1" "$GADGET/functions/$1.hl"
    echo 0x12d1 >"$GADGET/idVendor"
    echo 0x14db >"$GADGET/idProduct"
    echo HUAWEI_MOBILE >"$GADGET/strings/0x409/manufacturer"
    echo HUAWEI_MOBILE >"$GADGET/strings/0x409/product"
    # As Huawei's: an address that is no local one, for which the kernel takes the name ethN.
    echo 0c:5b:8f:27:9a:64 >"$GADGET/functions/$1.hl/host_addr"
    echo 02:00:00:00:08:01 >"$GADGET/functions/$1.hl/dev_addr"
    echo hl%d >"$GADGET/functions/$1.hl/ifname"
    ln -s "$GADGET/functions/$1.hl" "$GADGET/configs/c.1/"
}

routes() {
    ip netns add hilink
    ip link set dev hl0 netns hilink name lan
    ip -n hilink -batch - <<LINKS
link set dev lo up
address add $1.1/24 dev lan
link set dev lan up
link add name wan type veth peer name hilink netns carrier
address add $MOBILE/30 dev wan
link set dev wan up
LINKS
    ip -n carrier -batch - <<LINKS
address add $CARRIER/30 dev hilink
link set dev hilink up
LINKS
    ip -n hilink route add default via "$CARRIER"
    ip netns exec hilink sysctl -qw net.ipv4.ip_forward=1
    ip netns exec hilink nft -f - <<'RULES'
table ip stick {
    chain translate {
        type nat hook postrouting priority srcnat
        oifname "wan" masquerade
    }
}
RULES
}

serves() {
    prefix=$(cat "$STATE/prefix")
    systemd-run --quiet --collect --unit=hilink-dnsmasq --property=NetworkNamespacePath=/run/netns/hilink \
        /usr/sbin/dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --no-hosts --no-resolv --pid-file= \
        --dhcp-leasefile="$STATE/leases" --bind-dynamic --interface=lan --server=203.0.113.253 \
        --dhcp-authoritative --dhcp-range="$prefix.100,$prefix.199,10m"
}

main "$@"
