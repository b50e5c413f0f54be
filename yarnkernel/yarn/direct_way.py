"""The direct way: submit over Hadoop RPC, with the recipe as the ApplicationMaster.

No JVM starts here or in the container. What this way does not support takes the skein way.
"""

from __future__ import annotations

import math
import secrets
import time
from typing import TYPE_CHECKING, Any

from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    ApplicationNotFoundError,
    DirectWayError,
    HadoopConfigurationError,
    HadoopError,
    UnreadableFileError,
    UsageError,
    YarnKernelError,
    summary,
)
from yarnkernel.hadoop.addresses import resourcemanager_addresses
from yarnkernel.hadoop.credentials import Credentials
from yarnkernel.hadoop.delegation_tokens import delegation_tokens
from yarnkernel.hadoop.identifiers import application_id
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.messages import message_class
from yarnkernel.hadoop.own_tokens import own_tokens
from yarnkernel.interrupts import uninterrupted
from yarnkernel.kernels.options import DEFAULT_PARTITION
from yarnkernel.progress import Progress
from yarnkernel.shell import expanding_export_lines, literal
from yarnkernel.store.master_launch import FILES, FURTHER, MasterLaunch
from yarnkernel.store.packed_files import FURTHER_LOG, container_command, pack_files
from yarnkernel.store.rpc import credentials, pair_of
from yarnkernel.yarn.application import APPLICATION_TYPE, CERTIFICATE_TAG, SEALED_TAG
from yarnkernel.yarn.client import ANSWER_TIMEOUT
from yarnkernel.yarn.container_files import SCRIPT, local_resource, sort_files
from yarnkernel.yarn.submission import asking, refusal, too_late

if TYPE_CHECKING:
    import skein
    from typing_extensions import Self

    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.progress import Report
    from yarnkernel.yarn.client import YarnClient
    from yarnkernel.yarn.submission import Scheduling

#: A script has to run this for its container to have an ApplicationMaster.
RECIPE = "yarnkernel.recipe"
#: Seconds for a submitted application to become known to the ResourceManager.
WITHDRAW_TIMEOUT = 2.0
#: Seconds between two attempts to withdraw it.
WITHDRAW_INTERVAL = 0.05
#: Variables that NodeManagers read themselves, such as whether to run a container in Docker.
_NODEMANAGERS = "YARN_CONTAINER_RUNTIME_"
_MECHANISM_SETTING = "hadoop.security.sasl.mechanism"
_PROTECTION_SETTING = "hadoop.rpc.protection"
#: Settings of the cluster that the ApplicationMaster also needs.
_MASTER_SETTINGS = (
    "yarn.resourcemanager.connect.max-wait.ms",
    "ipc.maximum.response.length",
    _PROTECTION_SETTING,
    "yarn.http.policy",
)


def reason_against(spec: skein.ApplicationSpec, configuration: Configuration) -> str:
    """Return why an application cannot take the direct way; empty if it can."""
    mechanism = configuration.get(_MECHANISM_SETTING, "DIGEST-MD5")
    try:
        schedulers = ""
        resourcemanager_addresses(configuration, "scheduler.address")
    except HadoopConfigurationError as exc:
        schedulers = str(exc)
    reasons = {
        f"it has services ({', '.join(sorted(spec.services))})": spec.services,
        f"max_attempts is {spec.max_attempts}, and a kernel's variables live in one": (
            spec.max_attempts > 1
        ),
        f"its script does not run {RECIPE}": RECIPE not in spec.master.script,
        f"it names the user that it runs as, {spec.user}": spec.user,
        "master.log_config is for skein's ApplicationMaster": spec.master.log_config,
        f"the cluster's tokens want {mechanism} ({_MECHANISM_SETTING})": mechanism != "DIGEST-MD5",
        f"ApplicationMasters could not find the ResourceManager: {schedulers}": schedulers,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


class DirectWay:
    """Submits applications over Hadoop RPC; a context manager.

    Parameters
    ----------
    client : YarnClient
        The connection to the cluster; stays open.
    scheduling : Scheduling
        Settings for YARN in addition to the applications' specifications.
    sealed : bool, default False
        Whether no key is sent and the container makes its own.
    """

    def __init__(self, client: YarnClient, scheduling: Scheduling, *, sealed: bool = False) -> None:
        self.client = client
        self._scheduling = scheduling
        self._sealed = sealed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: there is nothing to close."""

    def avoid_direct(self, reason: str) -> bool:  # noqa: ARG002
        """See :class:`yarnkernel.yarn.way.Way`."""
        return False

    def submit(self, spec: skein.ApplicationSpec, deadline: Deadline, report: Report) -> str:
        """See :class:`yarnkernel.yarn.way.Way`."""
        against = reason_against(spec, self.client.cluster.configuration)
        if against:
            raise DirectWayError(against)
        with asking(self.client, deadline):
            try:
                app_id = self.client.new_application(deadline.step(ANSWER_TIMEOUT))
                context = self._context(app_id, spec, deadline, report)
            except UnreadableFileError as exc:
                raise DirectWayError(str(exc)) from exc
            except ValueError as exc:  # from protobuf, for values that its fields cannot hold
                raise UsageError(f"the application cannot be described to YARN: {exc}") from exc
        if deadline.passed:
            raise too_late(self.client, deadline, "there was no time left to hand it in")
        try:
            with asking(self.client, deadline):
                status = self.client.submit(context, deadline.remaining)
        except BaseException as exc:
            answered = isinstance(exc, HadoopError)
            with uninterrupted():
                if not answered:
                    report(Progress("unsure", kernel=app_id))
                self._withdraw(app_id, 0.0 if answered else WITHDRAW_TIMEOUT, report)
            if answered:
                raise refusal(self.client, spec, str(exc)) from exc
            raise
        if status.ended:
            raise refusal(self.client, spec, status.diagnostics)
        return app_id

    def _withdraw(self, app_id: str, patience: float, report: Report) -> None:
        """Kill an application; retry if YARN does not know it, as it may soon.

        The ResourceManager's threads do not handle calls in the order of their arrival.
        """
        deadline = Deadline(patience)
        while True:
            try:
                self.client.kill(app_id)
            except ApplicationNotFoundError:
                if deadline.passed:
                    return
                time.sleep(WITHDRAW_INTERVAL)
            except YarnKernelError as exc:
                report(Progress("stuck", kernel=app_id, reason=summary(exc)))
                return
            else:
                return

    def _context(
        self,
        app_id: str,
        spec: skein.ApplicationSpec,
        deadline: Deadline,
        report: Report,
    ) -> Any:
        """Return the ApplicationSubmissionContextProto."""
        resources = spec.master.resources
        context = message_class("hadoop.yarn.ApplicationSubmissionContextProto")(
            application_id=application_id(app_id),
            application_name=spec.name,
            queue=spec.queue,
            applicationType=APPLICATION_TYPE,
            applicationTags=sorted({*spec.tags, CERTIFICATE_TAG, *[SEALED_TAG] * self._sealed}),
            maxAppAttempts=1,
            resource={"memory": resources.memory, "virtual_cores": resources.vcores},
            priority={"priority": self._scheduling.priority},
        )
        for name in ("gpu", "fpga"):
            count = getattr(resources, f"{name}s")
            if count:
                context.resource.resource_value_map.add(key=f"yarn.io/{name}", value=count)
        configuration = self.client.cluster.configuration
        if configuration.wants_kerberos and own_tokens(configuration):
            context.cancel_tokens_when_complete = False  # inherited tokens, which others also need
        if self._scheduling.lifetime:
            context.application_timeouts.add(
                application_timeout_type="APP_TIMEOUT_LIFETIME",
                timeout=math.ceil(self._scheduling.lifetime),
            )
        if spec.node_label:
            label = "" if spec.node_label == DEFAULT_PARTITION else spec.node_label
            context.node_label_expression = label
        container = context.am_container_spec
        word = secrets.token_hex(8)
        container.command.append(container_command(word, SCRIPT))
        for name, value in self._variables(app_id, spec).items():
            container.environment.add(key=name, value=value)
        for access, acl in _acls(spec).items():
            container.application_ACLs.add(accessType=access, acl=acl)
        inside = {k: v for k, v in spec.master.env.items() if not k.startswith(_NODEMANAGERS)}
        script = f"{expanding_export_lines(inside)}{spec.master.script}\n".encode()
        travelling, executable, others = sort_files(spec.master.files, {SCRIPT: script})
        packed = pack_files(travelling, executable, word)
        for name, file in others.items():
            resource = local_resource(file, self.client.cluster, deadline, report)
            container.localResources.add(key=name, value=resource)
        further = message_class("hadoop.yarn.ContainerLaunchContextProto")(
            command=[container_command(word, SCRIPT, FURTHER_LOG)],
            environment=container.environment,
            localResources=container.localResources,
        )
        carried = {FURTHER: further.SerializeToString(), FILES: packed}
        container.tokens = self._credentials(app_id, spec, carried, deadline, report).to_bytes()
        return context

    def _variables(self, app_id: str, spec: skein.ApplicationSpec) -> dict[str, str]:
        """Return the container's environment variables, with the names that skein uses."""
        variables = {
            "LANG": "C.UTF-8",  # a node may not have this machine's locale
            **{k: v for k, v in spec.master.env.items() if k.startswith(_NODEMANAGERS)},
            "SKEIN_APPLICATION_ID": app_id,
            "SKEIN_RESOURCE_MEMORY": str(spec.master.resources.memory),
            "SKEIN_RESOURCE_VCORES": str(spec.master.resources.vcores),
        }
        configuration = self.client.cluster.configuration
        if not configuration.wants_kerberos:
            variables["HADOOP_USER_NAME"] = literal(name_in_cluster(configuration))
        return variables

    def _credentials(
        self,
        app_id: str,
        spec: skein.ApplicationSpec,
        carried: dict[str, bytes],
        deadline: Deadline,
        report: Report,
    ) -> Credentials:
        configuration = self.client.cluster.configuration
        pair = pair_of(spec.master.security or credentials())
        certificate, key = (b"", b"") if self._sealed else _own_pair(app_id, pair)
        launch = MasterLaunch(
            schedulers=resourcemanager_addresses(configuration, "scheduler.address"),
            settings={
                name: configuration.get(name)
                for name in _MASTER_SETTINGS
                if configuration.get(name)
            },
            clients=pair[0],
            specification=_without_keys(spec).SerializeToString(),
            certificate=certificate,
            key=key,
        )
        urls = [*spec.file_systems, *(file.source for file in spec.master.files.values())]
        tokens = delegation_tokens(configuration, urls, deadline)
        if tokens and self._sealed and configuration.get(_PROTECTION_SETTING) != "privacy":
            reason = (
                "your tokens for the cluster can be read on their way to the container, as those "
                f"of all applications here: {_PROTECTION_SETTING} is not privacy"
            )
            report(Progress("warning", kernel=app_id, reason=reason))
        return Credentials(tokens, launch.to_secrets() | carried)


def _own_pair(app_id: str, pair: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a certificate and key for this application only, not for others of the same user."""
    # Not all submissions need it, and it takes 20 ms to import.
    from yarnkernel.store.certificate import new_key, signed, to_pem  # noqa: PLC0415

    key = new_key()
    return signed(app_id, key.public_key(), pair), to_pem(key)


def _without_keys(spec: skein.ApplicationSpec) -> Any:
    """Return the part of a specification that clients may read."""
    message = spec.to_protobuf()
    message.master.ClearField("security")
    return message


def _acls(spec: skein.ApplicationSpec) -> dict[str, str]:
    """Return who may view and modify the application, as YARN writes it: users, a blank, groups."""
    acls = spec.acls
    if not acls.enable:
        return {}
    lists = {
        "APPACCESS_VIEW_APP": (acls.view_users, acls.view_groups),
        "APPACCESS_MODIFY_APP": (acls.modify_users, acls.modify_groups),
    }
    return {
        access: f"{','.join(users)} {','.join(groups)}" for access, (users, groups) in lists.items()
    }
