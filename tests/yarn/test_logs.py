"""What ``yarn logs`` prints, taken apart."""

from __future__ import annotations

from yarnkernel.kernels.log_files import LogFile
from yarnkernel.yarn.yarn_logs import parse_yarn_logs

# Hadoop 3.5.0's own output, shortened: a running container (LOCAL) and an ended one (AGGREGATED).
OUTPUT = """\
Container: container_1795244940300_0002_01_000001 on localhost:22100
LogAggregationType: LOCAL
====================================================================
LogType:application.driver.log
LogLastModifiedTime:Sat Nov 21 07:10:01 +0000 2026
LogLength:1478
LogContents:
LogType: of the kernel's own

last
End of LogType:application.driver.log.This log file belongs to a running container and so may not be complete.
***************************************************************************************


Container: container_e01_1795244940300_0002_01_000001 on node_7_22100
LogAggregationType: AGGREGATED
====================================================================
LogType:empty.log
LogLastModifiedTime:Sat Nov 21 07:09:14 +0000 2026
LogLength:0
LogContents:

End of LogType:empty.log
***************************************************************************************
"""  # noqa: E501


def test_sections() -> None:
    running = "container_1795244940300_0002_01_000001"
    ended = "container_e01_1795244940300_0002_01_000001"
    assert parse_yarn_logs(OUTPUT) == [
        LogFile(
            running,
            "localhost:22100",
            "application.driver.log",
            "LogType: of the kernel's own\n\nlast",
        ),
        LogFile(ended, "node_7:22100", "empty.log", ""),
    ]


def test_output_that_ends_early() -> None:
    for end in range(len(OUTPUT)):
        assert isinstance(parse_yarn_logs(OUTPUT[:end]), list)
    assert parse_yarn_logs("Can not find the logs for the application\n") == []
