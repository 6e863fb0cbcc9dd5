"""Where a request comes from, as a digest: rows that hold it name nobody."""

import hashlib
import hmac
import ipaddress

from flask import current_app, request


def keyed(secret, text):
    """A digest that cannot be looked up without the site's secret."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def network(address):
    """Where a request comes from: the address, or the /64 of an IPv6 one, which one household shares."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    ip = getattr(ip, "ipv4_mapped", None) or ip  # how a server on IPv6 sees IPv4: all of it is one /64
    return str(ip if ip.version == 4 else ipaddress.ip_network((int(ip), 64), strict=False))


def of_request():
    """The digest of the network that the present request comes from."""
    return keyed(current_app.secret_key, network(request.remote_addr))
