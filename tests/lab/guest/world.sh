#!/bin/sh
# The networks around the Pi, as namespaces of the guest; the Pi is the guest itself. Run it again: same result.
#
#   world.sh up standby-gateway      Pi: eth0 on the LAN beside the main router (DHCP: 192.168.88.2)
#   world.sh up dual-wan-router      Pi: lan0 (192.168.88.1) and wan0 (DHCP from the provider)
#   world.sh down
#   world.sh blackhole isp|transit|carrier [ADDRESS...]   swallow everything, or what goes to and comes from ADDRESS
#   world.sh netem isp|carrier ARGUMENTS...       delay, loss and the like, each way (tc-netem(8))
#   world.sh lossy isp|transit|carrier PERCENT    lose so many of the packets on their way to the house
#   world.sh nameless isp|transit|carrier         swallow DNS and nothing else
#   world.sh dead isp                             the provider's router answers nobody, its link stays up
#   world.sh pull|push CABLE                      carrier down, up; CABLE: pi router lan1 lan2 wired
#   world.sh prefer wired|pi                      which default route the main router uses (standby-gateway)
#   world.sh heal                                 undo every fault
#
#   internet -- transit - isp - router|pi --- switch ---- lan1 (192.168.88.11), lan2 (.12), pi
#       \-------- carrier --- ppp on the stick ---------- pi
#
# Addresses are the documentation ones of RFC 5737 and RFC 3849, but for three; links between providers use RFC 2544's.
#   servers       192.0.2.10  198.51.100.10  203.0.113.10   2001:db8:a::10  2001:db8:b::10  2001:db8:c::10
#   pings         1.1.1.1  8.8.8.8  9.9.9.9, which a fresh configuration asks
#   DNS           192.0.2.53  192.0.2.54 (internet)  203.0.113.253 (carrier)
#   wired side    198.51.100.128/25, provider .129, customer .130; 2001:db8:100::/48
#   mobile side   203.0.113.128/25 is reachable from the Internet; 100.64.0.0/10 and 10.0.0.0/8 are translated to
#                 203.0.113.254; 2001:db8:200::/48. The PPP peers take their addresses from these.
# Both providers drop packets with a source that is not their customer's (BCP 38).
set -eu

HERE=$(dirname "$(readlink -f "$0")")
NAMESPACES='internet transit isp carrier router switch lan1 lan2'
PI_MAC=02:00:00:00:00:02
STATE=/run/world
NETWORKD=/run/systemd/network
ADDRESS_DEADLINE=30

main() {
    command=${1:-}
    [ $# -eq 0 ] || shift
    case $command in
        up) up "$@" ;;
        down) down ;;
        blackhole) blackhole "$@" ;;
        netem) netem "$@" ;;
        lossy) lossy "$@" ;;
        nameless) nameless "$@" ;;
        dead) dead "$@" ;;
        pull) cable "$1" down ;;
        push) cable "$1" up ;;
        prefer) prefer "$1" ;;
        heal) heal ;;
        *)
            sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" >&2
            exit 64
            ;;
    esac
}

# --- building blocks
#
# A process costs tens of milliseconds under emulation, so what ip(8) shall do is collected per namespace and done in
# one go by "commit". The namespace "pi" is the guest itself.

collect() {
    echo "$2" >>"$STATE/batch.$1"
}

# wire NS1 NAME1 MAC1 NS2 NAME2: a cable
wire() {
    near=" netns $1"
    [ "$1" != pi ] || near=''
    collect cables "link add name $2 address $3$near type veth peer name $5 netns $4"
    collect "$1" "link set dev $2 up"
    collect "$4" "link set dev $5 up"
}

# address NS DEVICE ADDRESS...
address() {
    namespace=$1 device=$2
    shift 2
    for own; do
        case $own in
            *:*) collect "$namespace" "address add $own dev $device nodad" ;;
            *) collect "$namespace" "address add $own dev $device" ;;
        esac
    done
}

# route NS ARGUMENTS...
route() {
    namespace=$1
    shift
    collect "$namespace" "route add $*"
}

commit() {
    ip -batch "$STATE/batch.cables"
    for each in $NAMESPACES; do
        ip -n "$each" -batch "$STATE/batch.$each"
    done
    ip -batch "$STATE/batch.pi"
}

# dnsmasq NS ARGUMENTS...: DHCP, DNS and router advertisements
dnsmasq() {
    namespace=$1
    shift
    systemd-run --quiet --collect --unit="world-dnsmasq-$namespace" \
        --property="NetworkNamespacePath=/run/netns/$namespace" \
        /usr/sbin/dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --no-hosts --no-resolv --dhcp-leasefile="$STATE/$namespace.leases" --bind-dynamic --pid-file= "$@"
}

# knowing NS ARGUMENTS...: the same, and it knows the Internet's names by itself
knowing() {
    dnsmasq "$@" --local=/example/ --local=/example.com/ --local-ttl=300 \
        --host-record=alpha.example,192.0.2.10,2001:db8:a::10 \
        --host-record=bravo.example,198.51.100.10,2001:db8:b::10 \
        --host-record=charlie.example,203.0.113.10,2001:db8:c::10 \
        --host-record=example.com,192.0.2.10,2001:db8:a::10 \
        --host-record=www.gstatic.com,198.51.100.10,2001:db8:b::10 \
        --host-record=cp.cloudflare.com,203.0.113.10,2001:db8:c::10
}

forwarding() {
    for namespace; do
        ip netns exec "$namespace" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
            net.ipv4.conf.all.rp_filter=0
    done
}

# --- up and down

up() {
    case ${1:-} in
        standby-gateway | dual-wan-router) ;;
        *) echo "world.sh: up standby-gateway, or up dual-wan-router" >&2 && exit 64 ;;
    esac
    down
    mkdir -p "$STATE" "$NETWORKD"
    for each in $NAMESPACES; do
        collect cables "netns add $each"
        collect "$each" "link set dev lo up"
        mkdir -p "/etc/netns/$each"
        echo 'nameserver 192.0.2.53' >"/etc/netns/$each/resolv.conf"
    done
    # Cables before what is routed over them.
    lan
    case $1 in
        standby-gateway) standby_gateway ;;
        dual-wan-router) dual_wan_router ;;
    esac
    internet
    transit
    isp
    carrier
    commit
    forwarding internet transit isp carrier
    internet_serves
    isp_serves
    carrier_serves
    [ "$1" != standby-gateway ] || router_serves
    networkctl reload
    systemd-run --quiet --collect --unit=world-echo python3 "$HERE/echo.py" internet lan1 lan2
    wait_for "the Pi's address by DHCP" "ip -4 -oneline address show dev $WIRED | grep -q dynamic"
    wait_for 'the servers' "ip netns exec lan2 ss -Hltn 'sport = :7' | grep -q ."
    echo "$1" >"$STATE/topology"
}

wait_for() {
    if ! timeout "$ADDRESS_DEADLINE" sh -c "until $2 2>/dev/null; do sleep 0.1; done"; then
        echo "world.sh: not there after $ADDRESS_DEADLINE s: $1" >&2
        exit 1
    fi
}

down() {
    systemctl stop 'world-*.service' 2>/dev/null || true
    # A namespace lives on while a process is in it, and its end of a cable with it: the Pi's ends go first.
    for each in eth0 lan0 wan0; do
        ! [ -e "/sys/class/net/$each" ] || ip link delete dev "$each"
        rm -f "$NETWORKD/10-$each.network"
    done
    for each in $NAMESPACES; do
        ! [ -e "/run/netns/$each" ] || ip netns delete "$each"
    done
    conntrack -F >/dev/null 2>&1 || true
    rm -rf "$STATE"
}

# --- the far side, the same in both topologies

internet() {
    address internet lo 192.0.2.10/32 192.0.2.53/32 192.0.2.54/32 198.51.100.10/32 203.0.113.10/32 \
        1.1.1.1/32 8.8.8.8/32 9.9.9.9/32 \
        2001:db8:a::10/128 2001:db8:b::10/128 2001:db8:c::10/128
    wire internet isp 02:00:00:00:01:01 transit internet
    wire internet carrier 02:00:00:00:01:02 carrier core
    address internet isp 198.18.0.1/30 2001:db8:ffff:1::1/64
    address internet carrier 198.18.0.5/30 2001:db8:ffff:2::1/64
    route internet 198.51.100.128/25 via 198.18.0.2
    route internet 203.0.113.128/25 via 198.18.0.6
    route internet 2001:db8:100::/48 via 2001:db8:ffff:1::2
    route internet 2001:db8:200::/48 via 2001:db8:ffff:2::2
}

# The core of the provider's network, behind the gateway that its customers see.
transit() {
    wire transit isp 02:00:00:00:01:03 isp core
    address transit internet 198.18.0.2/30 2001:db8:ffff:1::2/64
    address transit isp 198.18.0.9/30 2001:db8:ffff:3::1/64
    route transit default via 198.18.0.1
    route transit default via 2001:db8:ffff:1::1
    route transit 198.51.100.128/25 via 198.18.0.10
    route transit 2001:db8:100::/48 via 2001:db8:ffff:3::2
}

internet_serves() {
    knowing internet
}

isp() {
    address isp core 198.18.0.10/30 2001:db8:ffff:3::2/64
    route isp default via 198.18.0.9
    route isp default via 2001:db8:ffff:3::1
    address isp customer 198.51.100.129/25 2001:db8:100::1/64
    route isp 2001:db8:100:1::/64 via 2001:db8:100::2
}

isp_serves() {
    ip netns exec isp nft -f - <<'RULES'
table inet isp {
    chain forward {
        type filter hook forward priority filter
        iifname "customer" ip saddr != 198.51.100.128/25 drop
        iifname "customer" ip6 saddr != 2001:db8:100::/48 drop
    }
}
RULES
    # It asks the Internet, and remembers.
    dnsmasq isp --interface=customer --dhcp-range=198.51.100.130,198.51.100.200,5m \
        --dhcp-host="$PI_MAC,198.51.100.130" --dhcp-option=option:dns-server,192.0.2.53 --server=192.0.2.53 \
        --enable-ra --dhcp-range=2001:db8:100::,ra-only
}

carrier() {
    address carrier core 198.18.0.6/30 2001:db8:ffff:2::2/64
    address carrier lo 203.0.113.253/32 203.0.113.254/32
    route carrier default via 198.18.0.5
    route carrier default via 2001:db8:ffff:2::1
}

carrier_serves() {
    ip netns exec carrier nft -f - <<'RULES'
table inet carrier {
    chain forward {
        type filter hook forward priority filter
        iifname "ppp*" ip saddr != { 203.0.113.128/25, 100.64.0.0/10, 10.0.0.0/8 } drop
        iifname "ppp*" ip6 saddr != 2001:db8:200::/48 drop
    }
    chain translate {
        type nat hook postrouting priority srcnat
        oifname "core" ip saddr { 100.64.0.0/10, 10.0.0.0/8 } snat ip to 203.0.113.254
    }
}
RULES
    knowing carrier --server=192.0.2.53
}

lan() {
    collect switch 'link add name lan type bridge forward_delay 0'
    collect switch 'link set dev lan up'
    for each in 1 2; do
        wire "lan$each" eth0 "02:00:00:00:00:1$each" switch "lan$each"
        collect switch "link set dev lan$each master lan"
        address "lan$each" eth0 "192.168.88.1$each/24" "2001:db8:100:1::1$each/64"
        route "lan$each" default via 192.168.88.1
        route "lan$each" default via 2001:db8:100:1::1
    done
}

# --- the near side

standby_gateway() {
    WIRED=eth0
    wire router wan0 02:00:00:00:02:01 isp customer
    wire router lan0 02:00:00:00:02:02 switch router
    wire pi eth0 "$PI_MAC" switch pi
    collect switch 'link set dev router master lan'
    collect switch 'link set dev pi master lan'
    address router wan0 198.51.100.130/25 2001:db8:100::2/64
    address router lan0 192.168.88.1/24 2001:db8:100:1::1/64
    route router default via 198.51.100.129 dev wan0 metric 1
    route router default via 192.168.88.2 dev lan0 metric 10
    route router default via 2001:db8:100::1
    network eth0 'DHCP=ipv4' 'IPv6AcceptRA=yes'
}

router_serves() {
    forwarding router
    # As most routers do: a default route over a dead cable is none. No redirects, for the clients would keep them.
    ip netns exec router sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1 \
        net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.lan0.send_redirects=0
    ip netns exec router nft -f - <<'RULES'
table inet router {
    chain forward {
        type filter hook forward priority filter
        iifname "wan0" ct state new ct status != dnat drop
    }
    chain forwards {
        type nat hook prerouting priority dstnat
        iifname "wan0" tcp dport 9000 dnat ip to 192.168.88.2
    }
    chain translate {
        type nat hook postrouting priority srcnat
        oifname "wan0" meta nfproto ipv4 masquerade
    }
}
RULES
    knowing router --interface=lan0 --dhcp-range=192.168.88.100,192.168.88.199,5m \
        --dhcp-host="$PI_MAC,192.168.88.2" --dhcp-option=option:router,192.168.88.1 \
        --server=192.0.2.53 --enable-ra --dhcp-range=2001:db8:100:1::,ra-only
}

dual_wan_router() {
    WIRED=wan0
    wire pi wan0 "$PI_MAC" isp customer
    wire pi lan0 02:00:00:00:00:03 switch pi
    collect switch 'link set dev pi master lan'
    network wan0 'DHCP=ipv4' 'IPv6AcceptRA=yes' '[IPv6AcceptRA]' 'Token=::2'
    network lan0 'Address=192.168.88.1/24' 'Address=2001:db8:100:1::1/64' 'IPv6AcceptRA=no'
}

# network DEVICE LINES...: how the Pi's own systemd-networkd treats an interface
network() {
    device=$1
    shift
    {
        printf '[Match]\nName=%s\n[Network]\n' "$device"
        printf '%s\n' "$@"
    } >"$NETWORKD/10-$device.network"
}

# --- faults

# undo COMMAND: what heal will do about a fault
undo() {
    echo "$1" >>"$STATE/undo"
}

heal() {
    ! [ -e "$STATE/undo" ] || sh "$STATE/undo"
    rm -f "$STATE/undo"
}

# drop NS RULES: swallow what the rules match of all that passes there
drop() {
    ip netns exec "$1" nft -f - <<RULES
table inet blackhole
delete table inet blackhole
table inet blackhole {
    chain forward {
        type filter hook forward priority -300
        $2
    }
}
RULES
    undo "ip netns exec $1 nft 'table inet blackhole; delete table inet blackhole'"
}

blackhole() {
    namespace=$1
    shift
    rules='drop'
    [ $# -eq 0 ] || rules=$(for each; do
        case $each in
            *:*) printf 'ip6 daddr %s drop\nip6 saddr %s drop\n' "$each" "$each" ;;
            *) printf 'ip daddr %s drop\nip saddr %s drop\n' "$each" "$each" ;;
        esac
    done)
    drop "$namespace" "$rules"
}

lossy() {
    drop "$1" "iifname { \"core\", \"internet\" } numgen random mod 100 < $2 drop"
}

nameless() {
    drop "$1" 'meta l4proto { tcp, udp } th dport 53 drop'
}

netem() {
    namespace=$1
    shift
    tc -n "$namespace" qdisc replace dev core root netem "$@"
    tc -n internet qdisc replace dev "$namespace" root netem "$@"
    undo "tc -n $namespace qdisc replace dev core root noqueue"
    undo "tc -n internet qdisc replace dev $namespace root noqueue"
}

dead() {
    [ "${1:-}" = isp ] || { echo 'world.sh: dead isp' >&2 && exit 64; }
    ip netns exec isp nft -f - <<'RULES'
table netdev dead
delete table netdev dead
table netdev dead {
    chain in { type filter hook ingress device "customer" priority -300; policy drop; }
    chain out { type filter hook egress device "customer" priority -300; policy drop; }
}
RULES
    undo "ip netns exec isp nft 'table netdev dead; delete table netdev dead'"
}

cable() {
    case $1 in
        wired) end='-n isp link set dev customer' ;;
        pi | router | lan1 | lan2) end="-n switch link set dev $1" ;;
        *) echo "world.sh: no cable '$1'" >&2 && exit 64 ;;
    esac
    # shellcheck disable=SC2086 # words on purpose
    ip $end "$2"
    undo "ip $end up"
}

prefer() {
    case $1 in
        wired) wired=1 pi=10 ;;
        pi) wired=10 pi=1 ;;
        *) echo "world.sh: prefer wired, or pi" >&2 && exit 64 ;;
    esac
    ip -n router -batch - <<ROUTES
route flush default
route add default via 198.51.100.129 dev wan0 metric $wired
route add default via 192.168.88.2 dev lan0 metric $pi
ROUTES
}

main "$@"
