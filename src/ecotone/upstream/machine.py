"""How much of this machine may be used: processor cores and memory, as the container and the scheduler allow."""

import os
from pathlib import Path
from typing import Final

_CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")
_CPU_QUOTA_V1: Final = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CPU_PERIOD_V1: Final = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
_MEMORY_MAX: Final = Path("/sys/fs/cgroup/memory.max")
_MEMORY_LIMIT_V1: Final = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CPUS: Final = Path("/sys/devices/system/cpu")


def usable_cores() -> int:
    """Physical cores this process may run on, at least 1, cut to the container's quota.

    Two threads that share a core are counted once: they slow each other down in matrix products.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {_text(_CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list") or str(cpu) for cpu in allowed}
    quota = _cpu_quota()
    return max(1, len(cores) if quota is None else min(len(cores), int(quota)))


def usable_memory_bytes() -> int:
    """Physical memory, cut to the container's limit."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [int(text) for path in (_MEMORY_MAX, _MEMORY_LIMIT_V1) if (text := _text(path)) and text.isdigit()]
    return min(physical, *limits) if limits else physical


def _cpu_quota() -> float | None:
    """Cores' worth of time a period, None where there is no limit (control groups version 2, then 1)."""
    quota, _, period = (_text(_CPU_MAX) or "").partition(" ")
    if not period:
        quota, period = _text(_CPU_QUOTA_V1) or "", _text(_CPU_PERIOD_V1) or ""
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        return int(quota) / int(period)
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
