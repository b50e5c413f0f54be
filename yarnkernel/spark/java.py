"""Whether a Java can run Spark."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess

#: A module that Spark 4 needs and small runtimes lack.
MODULE = "jdk.incubator.vector"


def reason_against_java(error: Exception) -> str:
    """Return why Spark's JVM did not start if Java is the reason; otherwise empty."""
    if "JAVA_GATEWAY_EXITED" not in str(error) and "gateway process exited" not in str(error):
        return ""
    home = os.environ.get("JAVA_HOME", "")
    java = f"{home}/bin/java" if home else shutil.which("java")
    if not java or not os.access(java, os.X_OK):
        return f"Spark needs a Java, and there is none here (JAVA_HOME={home})"
    modules = ""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = [java, "--list-modules"]
        modules = subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=False
        ).stdout
    if MODULE not in modules:
        return (
            f"the Java at {java} is too small for Spark: it lacks the module {MODULE}; next: a "
            "whole Java 17 or newer as JAVA_HOME of the nodes (for a local cluster: "
            "JAVA_HOME=/path/to/jdk yarnkernel cluster start)"
        )
    version = re.search(r"java.base@(\d+)", modules)
    return (
        f"Spark's JVM ended at once, with Java {version[1] if version else '?'} at {java}; what it "
        "said stands above, or in the end of: yarnkernel logs"
    )
