"""Shadow traffic: a small Lua program in the proxy sends a request a second time and throws the answer away.

The user's request does not wait for it. A body that doesn't fit into the proxy's buffer (16 KiB) isn't sent twice.
"""

import subprocess
from functools import cache
from pathlib import Path

from agents.targets.base import TargetFailed

FILE = "mirror.lua"
SOCKET = "mirror.sock"
HEADER = "x-sealane-mirror"
PROGRAM = f"""\
local function headers_of(txn)
  local copied = {{}}
  for name, values in pairs(txn.http:req_get_headers()) do
    if name ~= "connection" and name ~= "expect" and name ~= "upgrade" then
      copied[name] = {{}}
      for _, value in pairs(values) do table.insert(copied[name], value) end
    end
  end
  copied["{HEADER}"] = {{"1"}}
  return copied
end

core.register_action("mirror", {{"http-req"}}, function(txn)
  local headers, body = headers_of(txn), txn.f:req_body() or ""
  local length = headers["content-length"] and tonumber(headers["content-length"][1]) or 0
  if headers["transfer-encoding"] or length ~= #body then return end
  local method, path = string.lower(txn.f:method()), txn.f:pathq()
  core.register_task(function()
    local client = core.httpclient()
    if client[method] == nil then return end
    local request = {{
      url = "http://127.0.0.1" .. path, headers = headers, dst = "unix@{SOCKET}", timeout = 5000
    }}
    if body ~= "" then request.body = body end
    client[method](client, request)
  end)
end)
"""


@cache
def can_mirror(binary: Path) -> bool:
    """Whether this HAProxy was built with Lua. Raises TargetFailed."""
    try:
        said = subprocess.run((str(binary), "-vv"), capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetFailed("target-unavailable", f"HAProxy does not say how it was built: {error}") from error
    return "+LUA" in said or "USE_LUA=1" in said
