"""Starts the service for real and asks it."""

import json
import threading
import time
from urllib.request import urlopen

from hello import serve

server = serve()
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
for number in range(5):
    with urlopen(f"{base}/hello/visitor-{number}", timeout=5) as answer:
        print(number, json.load(answer)["greeting"], flush=True)
    time.sleep(0.4)
with urlopen(f"{base}/healthz", timeout=5) as answer:
    assert json.load(answer) == {"status": "ok"}
print("the service is well")
