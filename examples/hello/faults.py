"""Breaks the service on purpose, as `fault.json` says, so that one can watch a deployment find out.

{"fail_percent": 5}             every 20th request of a user fails
{"slow_percent": 20, "slow_seconds": 1.5}
{"crash_after_seconds": 10}     ends by itself
{"leak_bytes_per_second": N}    takes more and more memory
{"never_ready": true}           is never well

The first requests go well, as they do in the tests of what is broken in earnest.
"""

import json
import os
import threading
import time
from pathlib import Path

FILE = Path(__file__).with_name("fault.json")
KNOWN = {"fail_percent", "slow_percent", "slow_seconds", "crash_after_seconds", "leak_bytes_per_second", "never_ready"}


class Faults:
    def __init__(self, fault: dict) -> None:
        unknown = set(fault) - KNOWN
        if unknown:
            raise SystemExit(f"{FILE.name} knows {', '.join(sorted(KNOWN))}, not {', '.join(sorted(unknown))}")
        self._fault = fault
        self._requests = 0
        self._lock = threading.Lock()
        self._leaked: list[bytes] = []
        if fault.get("crash_after_seconds"):
            threading.Thread(target=self._crash, daemon=True).start()
        if fault.get("leak_bytes_per_second"):
            threading.Thread(target=self._leak, daemon=True).start()

    @classmethod
    def read(cls) -> "Faults":
        return cls(json.loads(FILE.read_text()) if FILE.exists() else {})

    def is_well(self) -> bool:
        return not self._fault.get("never_ready")

    def strike(self) -> bool:
        """Whether this request fails. Slow ones are slow here."""
        with self._lock:
            self._requests += 1
            number = self._requests
        if _hits(number, self._fault.get("slow_percent", 0)):
            time.sleep(self._fault.get("slow_seconds", 0.5))
        return _hits(number, self._fault.get("fail_percent", 0))

    def _crash(self) -> None:
        time.sleep(self._fault["crash_after_seconds"])
        print("crashing, as fault.json asks for", flush=True)
        os._exit(3)

    def _leak(self) -> None:
        while True:
            # Written to, or it would not be resident.
            self._leaked.append(os.urandom(1024) * (self._fault["leak_bytes_per_second"] // 10240 + 1))
            time.sleep(0.1)


def _hits(number: int, percent: float) -> bool:
    """Spread evenly: `percent` of all numbers, the last of each group."""
    return int(number * percent / 100) > int((number - 1) * percent / 100)
