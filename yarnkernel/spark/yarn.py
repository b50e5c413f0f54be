"""The state of Spark's application, from Hadoop's own client in Spark's JVM.

That client can log in, even with tokens, and knows the ResourceManagers.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import Any

#: Variable with the tag of this kernel's Spark applications.
TAG = "YARNKERNEL_SPARK_TAG"
_ENDED = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True)
class Report:
    """The state of an application.

    Attributes
    ----------
    id : str
        Its id.
    state : str
        YARN's name of its state.
    reason : str
        Why it waits or has ended.
    url : str
        Its page behind the ResourceManager's proxy.
    """

    id: str
    state: str
    reason: str
    url: str

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.state in _ENDED


class Yarn:
    """A client of the ResourceManager, for use by one thread.

    Parameters
    ----------
    jvm : py4j.java_gateway.JVMView
        Spark's.
    """

    def __init__(self, jvm: Any) -> None:
        self._jvm = jvm
        self._hadoop = jvm.org.apache.hadoop.yarn
        self._made: Any = None

    @property
    def _client(self) -> Any:
        if self._made is None:
            self._made = self._hadoop.client.api.YarnClient.createYarnClient()
            self._made.init(self._hadoop.conf.YarnConfiguration())
            self._made.start()
        return self._made

    def newest(self) -> Report | None:
        """Return this kernel's newest Spark application, or None if unknown."""
        with contextlib.suppress(Exception):  # a missing report is not a failure
            request = self._hadoop.api.protocolrecords.GetApplicationsRequest.newInstance()
            tags = self._jvm.java.util.HashSet()
            tags.add(os.environ.get(TAG, ""))
            request.setApplicationTags(tags)
            found = list(self._client.getApplications(request))
            if found:
                return _read(max(found, key=lambda one: one.getApplicationId().getId()))
        return None

    def report(self, application: str) -> Report | None:
        """Return an application's state, or None if YARN does not tell."""
        with contextlib.suppress(Exception):
            return _read(self._client.getApplicationReport(self._id(application)))
        return None

    def kill(self, application: str) -> None:
        """Kill an application and wait for its end."""
        with contextlib.suppress(Exception):
            self._client.killApplication(self._id(application))

    def close(self) -> None:
        """Close the connection."""
        if self._made is not None:
            with contextlib.suppress(Exception):
                self._made.stop()

    def _id(self, application: str) -> Any:
        return self._hadoop.api.records.ApplicationId.fromString(application)


def _read(report: Any) -> Report:
    # "[date] Application is added to the scheduler and is not yet activated. Queue's AM resource
    # limit exceeded.  Details : AM Partition = ..."
    text = " ".join(str(report.getDiagnostics() or "").split())
    reason = re.sub(r"^\[[^]]*\]\s*", "", text).partition(" Details :")[0]
    url = str(report.getTrackingUrl() or "")
    return Report(
        id=str(report.getApplicationId().toString()),
        state=str(report.getYarnApplicationState().toString()),
        reason=reason,
        url="" if url == "N/A" else url,
    )
