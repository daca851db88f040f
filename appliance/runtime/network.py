"""Who may talk to whom: a bridge per team, the API's address on `lo`, one nft table of our own.

The table only drops. What other tables drop stays dropped, what they accept may be dropped here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from ipaddress import IPv4Network
from pathlib import Path

from appliance.config import TEAMS_PER_SLOT, Config
from appliance.errors import Invalid, Unavailable
from appliance.runtime.backend import NetworkSpec

_TIMEOUT_S = 15

# Every instance's addresses; see Config.pool.
_ALL_POOLS = "10.192.0.0/12"
_LOWEST_MAC = "02:00:00:00:00:01"
_SYS_NET = Path("/sys/class/net")
_NETWORK_CHAIN = "NETAVARK-"  # and a hash: the chain of one network
_LINK_LOCAL = "169.254.0.0/16"

_TABLE = """\
add table inet {table}
delete table inet {table}
table inet {table} {{
    set same_bridge {{
        type ifname . ifname
        elements = {{ {same} }}
    }}
    chain input {{
        type filter hook input priority filter - 10; policy accept;
        iifname "{ours}" goto from_ours
        ip daddr {api} iifname != "lo" drop
    }}
    chain from_ours {{
        ct state established,related accept
        meta nfproto ipv6 drop
        ip daddr {api} tcp dport {port} accept
        # names of teammates: the bridge's own address only, not another bridge's
        fib daddr . iif type local udp dport 53 accept
        fib daddr . iif type local tcp dport 53 accept
        drop
    }}
    chain forward {{
        type filter hook forward priority filter - 10; policy accept;
        # seen here only where bridges are filtered as well (br_netfilter)
        iifname . oifname @same_bridge accept
        oifname "{ours}" goto into_ours
        iifname "{ours}" goto out_of_ours
    }}
    chain into_ours {{
        ct state established,related accept
        drop
    }}
    chain out_of_ours {{
        ct state established,related accept
        meta nfproto ipv6 drop
        ip daddr {{ {link_local}, {all_pools} }} drop
        # a port that another container engine publishes on this host is the host's as well
        ct status dnat drop
    }}
}}
"""


def team_network(config: Config, team_slot: int) -> NetworkSpec:
    """The bridge of a team; team_slot counts from 1 to 254."""
    if not 1 <= team_slot <= TEAMS_PER_SLOT:
        raise Invalid(f"team slot {team_slot} is not between 1 and {TEAMS_PER_SLOT}")
    return NetworkSpec(
        name=f"appliance-{config.instance}-t{team_slot}",
        interface=f"{_interfaces(config)}{team_slot}",
        subnet=str(config.team_subnet(team_slot)),
    )


def ensure_keeper(config: Config, team_slot: int) -> None:
    """Give a team's bridge a port that stays. Call it when a container is on the bridge. Repeatable.

    netavark deletes a bridge whose last port leaves, and looks before it does: a container that comes to the bridge in
    that moment would be left without a network. With a port of ours the last one never leaves.
    """
    keeper, peer = _keeper(config, team_slot)
    bridge = team_network(config, team_slot).interface
    if (_SYS_NET / bridge / "brif" / keeper).exists() or not (_SYS_NET / bridge).exists():
        return
    if not (_SYS_NET / keeper).exists():
        # The lowest address of all ports is the bridge's own: this one keeps it the same, whoever comes and goes.
        pair = ["address", _LOWEST_MAC, "type", "veth", "peer", "name", peer]
        _run(["ip", "link", "add", keeper, *pair])
    _run(["ip", "link", "set", keeper, "master", bridge])


def remove_keepers(config: Config) -> None:
    """Take the ports away again, so that the last container's end cleans up after a team."""
    for path in _SYS_NET.glob(f"{_keeper_prefix(config)}*"):
        _run(["ip", "link", "delete", path.name])


def firewall_text(config: Config) -> str:
    """The table as input for `nft -f`, which replaces an older one in one step."""
    names = [f"{_interfaces(config)}{slot}" for slot in range(1, TEAMS_PER_SLOT + 1)]
    return _TABLE.format(
        table=_table(config),
        ours=f"{_interfaces(config)}*",
        same=", ".join(f'"{name}" . "{name}"' for name in names),
        api=config.api_address,
        port=config.api_port,
        link_local=_LINK_LOCAL,
        all_pools=_ALL_POOLS,
    )


def ensure_firewall(config: Config) -> None:
    """Load the table, atomically. Unavailable with nft's words."""
    _run(["nft", "-f", "-"], firewall_text(config))


def remove_firewall(config: Config) -> None:
    """Delete the table; gone already is fine."""
    table = _table(config)
    _run(["nft", "-f", "-"], f"add table inet {table}\ndelete table inet {table}\n")


def remove_all(config: Config) -> None:
    """Bridges and rules that an engine left behind, firewall and address of this instance; gone already is fine."""
    remove_keepers(config)
    _remove_engine_rules(config)
    for link in json.loads(_run(["ip", "-json", "link", "show", "type", "bridge"]) or "[]"):
        if link["ifname"].startswith(_interfaces(config)):
            _run(["ip", "link", "delete", link["ifname"]])
    remove_firewall(config)
    remove_api_address(config)


def _remove_engine_rules(config: Config) -> None:
    """What netavark told iptables about our bridges. It takes back only a part of that, and not at every end."""
    if shutil.which("iptables-save") is None:
        return  # a netavark that speaks nftables itself
    for table in ("nat", "filter"):
        rules = _run(["iptables-save", "-t", table]).splitlines()
        ours = [rule.split() for rule in rules if rule.startswith("-A ") and _is_ours(config, rule)]
        chains = {word for rule in ours for word in rule if word.startswith(_NETWORK_CHAIN)}
        for rule in ours:
            if rule[1] not in chains:
                _run(["iptables", "-w", "5", "-t", table, "-D", *rule[1:]])
        for chain in sorted(chains):
            _run(["iptables", "-w", "5", "-t", table, "-F", chain])
            _run(["iptables", "-w", "5", "-t", table, "-X", chain])


def _is_ours(config: Config, rule: str) -> bool:
    """Whether a rule of iptables-save speaks of one of our bridges or of addresses of ours."""
    words = rule.split()
    for option, value in zip(words, words[1:]):
        if option in ("-i", "-o") and value.startswith(_interfaces(config)):
            return True
        if option in ("-s", "-d") and IPv4Network(value, strict=False).subnet_of(config.pool):
            return True
    return False


def ensure_api_address(config: Config) -> None:
    """Put the API's address on `lo`, where workloads of every bridge reach it."""
    _run(["ip", "address", "replace", f"{config.api_address}/32", "dev", "lo"])


def remove_api_address(config: Config) -> None:
    """Take it away; gone already is fine."""
    address = f"{config.api_address}/32"
    if address in _run(["ip", "-oneline", "address", "show", "dev", "lo"]).split():
        _run(["ip", "address", "delete", address, "dev", "lo"])


def _keeper_prefix(config: Config) -> str:
    return f"ap{config.instance[:6]}k"


def _keeper(config: Config, team_slot: int) -> tuple[str, str]:
    """Both ends of the veth pair; the far one leads nowhere."""
    return f"{_keeper_prefix(config)}{team_slot}", f"ap{config.instance[:6]}f{team_slot}"


def _interfaces(config: Config) -> str:
    """How all our bridges' names begin; with three digits they have 12 of 15 characters."""
    return f"ap{config.instance[:6]}t"


def _table(config: Config) -> str:
    return f"appliance_{config.instance}"


def _run(argv: list[str], text: str = "") -> str:
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(
            f"{argv[0]} can't be run: {error}", hint="see `appliance doctor`"
        ) from error
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[:400]
        raise Unavailable(f"{argv[0]} failed: {words}", hint="see `appliance doctor`")
    return done.stdout
