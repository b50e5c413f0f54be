"""Checks of the ResourceManager: its address, port, protocol and clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.doctor.check import failed, ok, warning
from yarnkernel.errors import (
    AuthenticationError,
    ClusterError,
    HadoopError,
    HttpError,
    UnreachableError,
)
from yarnkernel.hadoop.addresses import names_resourcemanager, resourcemanager_addresses
from yarnkernel.hadoop.http import server_time
from yarnkernel.hadoop.node_manager import web_scheme
from yarnkernel.hadoop.sockets import open_socket, socks_server

if TYPE_CHECKING:
    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject
    from yarnkernel.hadoop.addresses import Address
    from yarnkernel.hadoop.configuration import Configuration

#: Seconds for one address.
CONNECT_TIMEOUT = 4.0
#: Seconds by which clocks may differ before new certificates are not yet valid.
CLOCK_WARNING = 60.0
#: Seconds by which Kerberos lets clocks differ (default of clockskew in krb5.conf).
CLOCK_KERBEROS = 300.0
#: Ports of its web pages (yarn-default.xml).
_WEB_PORTS = {"http": 8088, "https": 8090}


def check_resource_manager(subject: Subject, deadline: Deadline) -> Check:
    """Check that the ResourceManager can be reached and speaks Hadoop's RPC.

    Our login is checked in :mod:`yarnkernel.doctor.login`.
    """
    configuration = subject.configuration
    addresses = resourcemanager_addresses(configuration)
    told = {address: _reach(address, configuration, deadline) for address in addresses}
    shown = ", ".join(f"{host}:{port} {said}" for (host, port), said in told.items())
    if "reached" not in told.values():
        return failed(shown, "no ResourceManager is reached from here", _advice(configuration))
    with subject.client() as client:
        try:
            metrics = client.resource_manager.cluster_metrics(deadline.step(deadline.seconds))
        except (AuthenticationError, HadoopError):
            return ok(f"{shown}; it speaks Hadoop RPC, and does not let us in (see login)")
        except UnreachableError as exc:
            return failed(shown, f"it does not answer: {exc}", _advice(configuration))
        except ClusterError as exc:
            return failed(shown, str(exc), "is that the port of yarn.resourcemanager.address?")
        protection = client.resource_manager.protection
    nodes = f"{metrics.num_active_nms} of {metrics.num_node_managers} nodes run"
    protected = protection or "not protected"
    found = f"{shown}; Hadoop RPC, {protected} (hadoop.rpc.protection); {nodes}"
    if not metrics.num_active_nms:
        return failed(found, "no NodeManager runs: no container will start", "ask who runs it")
    return ok(found)


def _reach(address: Address, configuration: Configuration, deadline: Deadline) -> str:
    """Describe how far a connection to an address gets."""
    step = Deadline(deadline.step(CONNECT_TIMEOUT))
    try:
        open_socket(address, step, socks_server(configuration, step)).close()
    except TimeoutError:
        return f"says nothing for {step.seconds:.0f} s (a firewall, or a host that is down)"
    except UnreachableError as exc:
        return str(exc)
    except OSError as exc:
        return exc.strerror or str(exc)
    return "reached"


def _advice(configuration: Configuration) -> str:
    if not names_resourcemanager(configuration):
        return (
            "set yarn.resourcemanager.hostname in yarn-site.xml: no file says where it is, so "
            "that this machine was asked"
        )
    if configuration.edge is not None:
        return "does it run, and does the edge node reach it?"
    return (
        "does it run, and may this machine reach it? From a laptop: --host EDGE_NODE, by ssh; "
        "on this machine's own cluster: yarnkernel cluster status"
    )


def check_clocks(subject: Subject, deadline: Deadline) -> Check:
    """Compare the ResourceManager's clock with ours."""
    configuration = subject.configuration
    trouble: HttpError | None = None
    for url in _web_pages(configuration):
        try:
            begin = time.time()
            there = server_time(url, Deadline(deadline.step(CONNECT_TIMEOUT)), configuration)
            here = (begin + time.time()) / 2
            break
        except HttpError as exc:
            trouble = exc
    else:
        why = f"no page of the ResourceManager's tells the time: {trouble}"
        return warning("unknown", why, "compare with `date` on a node")
    # Whole seconds, cut off.
    ahead = here - there - 0.5
    found = f"this machine's is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} its"
    if abs(ahead) <= 1:
        found = "within a second"
    if abs(ahead) < CLOCK_WARNING:
        return ok(found)
    todo = "set this machine's clock right (chronyc makestep, or timedatectl set-ntp true)"
    if configuration.wants_kerberos and abs(ahead) >= CLOCK_KERBEROS:
        return failed(found, "Kerberos refuses clocks that differ by 5 minutes", todo)
    return warning(found, "certificates that are made here may not be valid there yet", todo)


def _web_pages(configuration: Configuration) -> list[str]:
    """Return the web addresses of all ResourceManagers, including standby ones."""
    scheme = web_scheme(configuration)
    name = f"yarn.resourcemanager.webapp{'.https' if scheme == 'https' else ''}.address"
    ids = configuration.get_list("yarn.resourcemanager.ha.rm-ids")
    settings = [f"{name}.{one}" for one in ids] or [name]
    given = [configuration.get(setting) for setting in settings]
    hosts = [host for host, _ in resourcemanager_addresses(configuration)]
    pages = [one for one in given if one] or [f"{host}:{_WEB_PORTS[scheme]}" for host in hosts]
    return [f"{scheme}://{page}/" for page in pages]
