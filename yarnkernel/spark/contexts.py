"""Spark's contexts: reports and interrupts during the start, and removal of dead ones."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from .java import reason_against_java
from .news import News
from .yarn import Yarn

if TYPE_CHECKING:
    from collections.abc import Callable

#: Variable with the directory of Spark's jars, if they have to be shipped.
JARS = "YARNKERNEL_SPARK_JARS"
#: Variable with the reason why a container has no Spark.
NO_SPARK = "YARNKERNEL_NO_SPARK"


class StartError(Exception):
    """The session could not be made; says why."""


class _Last:
    """Facts about the last context."""

    application = ""


def active() -> Any:
    """Return PySpark's current context or None."""
    kind = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    return kind and kind._active_spark_context  # noqa: SLF001


def is_over(value: Any) -> bool:
    """Return whether an object is an ended context or a session of one."""
    context = getattr(value, "_sc", value)
    module = sys.modules.get("pyspark")
    return (
        module is not None
        and isinstance(context, module.SparkContext)
        and getattr(context, "_jsc", None) is None
    )


def bury() -> str:
    """Stop a dead context, so that a new one can be made.

    Until then PySpark's own ``getOrCreate`` fails, too.

    Returns
    -------
    str
        What happened; empty if there is no dead context.
    """
    context = active()
    if context is None:
        return ""
    try:
        if not context._jsc.sc().isStopped():  # noqa: SLF001
            return ""
    except Exception:  # noqa: BLE001  (py4j has many, when its JVM is gone)
        reason = "its driver's JVM is gone"
        _reset(context)
    else:
        found = Yarn(context._jvm).report(_Last.application)  # noqa: SLF001
        reason = found.reason or found.state if found else "it was stopped from elsewhere"
        with contextlib.suppress(Exception):
            context.stop()
    what = f"Spark's application {_Last.application}" if _Last.application else "Spark"
    return f"{what} has ended: {reason.rstrip('.')}."


def _reset(context: Any) -> None:
    """Make PySpark forget a JVM that is gone."""
    kind = type(context)
    with contextlib.suppress(Exception):
        context.stop()
    context._jsc = None  # noqa: SLF001
    _forget_gateway(kind)


def _forget_gateway(kind: Any) -> None:
    if kind._gateway is not None:  # noqa: SLF001
        with contextlib.suppress(Exception):
            kind._gateway.proc.kill()  # noqa: SLF001
            kind._gateway.proc.wait(5)  # noqa: SLF001
    kind._gateway = kind._jvm = kind._active_spark_context = None  # noqa: SLF001


def new_session() -> Any:
    """Make a session, or return the current one.

    Raises
    ------
    StartError
        When that fails.
    """
    if os.environ.get(NO_SPARK):
        raise StartError(os.environ[NO_SPARK])
    watch_over()
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415  (only who needs it pays for it)
    except ImportError as exc:
        raise StartError(f"there is no PySpark here: {exc}; next: pip install pyspark") from exc
    try:
        return SparkSession.builder.getOrCreate()
    except Exception as exc:
        raise StartError(_why(exc)) from exc


def _why(error: Exception) -> str:
    if reason := reason_against_java(error):
        return reason
    java = getattr(error, "java_exception", None)
    with contextlib.suppress(Exception):
        if java is not None:
            return f"Spark does not start: {java.getMessage()}"
    return f"Spark does not start: {error}"


def watch_over() -> None:
    """Report the start of each context from now on; without PySpark, do nothing."""
    try:
        from pyspark import SparkContext  # noqa: PLC0415  (only who needs it pays for it)
    except ImportError:
        return
    begin = SparkContext.__init__
    if hasattr(begin, "__wrapped__"):
        return

    @functools.wraps(begin)
    def watched(self: Any, *args: Any, **kwargs: Any) -> None:
        def go_on() -> None:
            begin(self, *args, **kwargs)

        if active() is not None or kwargs.get("gateway") or kwargs.get("jsc"):
            go_on()
        else:
            master = args[0] if args else kwargs.get("master")
            _start(go_on, type(self), kwargs.get("conf"), master)

    SparkContext.__init__ = watched


def _start(begin: Callable[[], None], kind: Any, conf: Any, master: str | None) -> None:
    began = time.monotonic()
    children = set(psutil.Process().children())
    news = None
    try:
        kind._ensure_initialized(conf=conf)  # noqa: SLF001  (starts the JVM)
        jvm = kind._jvm  # noqa: SLF001
        _take_note_of_end(kind._gateway.proc)  # noqa: SLF001
        found = jvm.org.apache.spark.SparkConf()
        master = master or (conf and conf.get("spark.master")) or found.get("spark.master", "")
        if not str(master).startswith("yarn"):
            begin()
            _Last.application = ""
            return
        if os.environ.get(JARS):
            from .jars import ensure_archive  # noqa: PLC0415  (not needed by all)

            ensure_archive(jvm, Path(os.environ[JARS]), conf)
        news = News(Yarn(jvm), began)
        with news:
            begin()
    except KeyboardInterrupt:
        if news is not None:
            news.kill()
        _give_up(kind, set(psutil.Process().children()) - children)
        print("Spark was interrupted while it started: nothing of it is left.", flush=True)  # noqa: T201
        raise
    except Exception:
        if news is not None:
            news.tell_failure()
        raise
    _Last.application = news.tell_ready(active())


def _take_note_of_end(process: Any) -> None:
    """Reap a JVM that has ended, for which ipykernel would wait half a minute."""
    threading.Thread(target=process.wait, daemon=True).start()


def _give_up(kind: Any, processes: set[psutil.Process]) -> None:
    for process in processes:  # a JVM that PySpark does not know yet
        with contextlib.suppress(psutil.Error):
            if any("spark" in word for word in process.cmdline()):
                process.kill()
    _forget_gateway(kind)
