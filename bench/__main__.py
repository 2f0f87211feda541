"""Benchmarks: `python -m bench` runs all, `python -m bench pull|metrics|imports [options]` one.

- `pull`: rows a second from a loopback server to published typed Parquet, against raw download with requests and
  against dlt; peak memory. Options: --instances, --invoices, --without-dlt.
- `metrics`: seconds and rows a second of seven metrics and two checks over a million invoices in our SQL, and of the
  same figures in pandas, after making sure that they are equal; the time of all metrics and checks; peak memory.
  Options: --rows, --plain (pandas with lists of dicts too).
- `imports`: seconds, modules and memory of importing airflow.sdk, of what each DAG file adds to it, of the library's
  runtime and of Great Expectations, each in fresh processes. Option: --times.

Absolute figures are those of the machine and of what else runs on it. What is worth comparing are the ratios, since
both of their sides were measured in the same run; repeat a run before trusting a difference of less than a fifth.
"""

from __future__ import annotations

import os
import subprocess
import sys

BENCHES = {"pull": "bench_pull", "metrics": "bench_metrics", "imports": "bench_imports"}


def main() -> None:
    chosen, options = sys.argv[1:2], sys.argv[2:]
    if chosen and chosen[0] not in BENCHES:
        print(__doc__)
        sys.exit(0 if chosen[0] in ("-h", "--help") else 2)
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    print(f"{os.cpu_count()} cores, load average {load}", flush=True)
    failed = []
    for name in chosen or BENCHES:
        print(f"\n{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{BENCHES[name]}", *options], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
