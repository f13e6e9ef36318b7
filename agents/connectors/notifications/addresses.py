"""Which addresses may be posted to: a webhook's URL must not reach what only this machine's network can reach."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether the whole internet can reach this address. IPv6 that stands for an IPv4 address is judged as that one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return all(each.is_global and not each.is_multicast for each in (address, *_inner(address)))


def _inner(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
