"""The installation's key and what is derived from it. The key is a file of 64 hex digits, readable by its owner only.

Derived secrets are HMAC-SHA256(key, purpose), so nothing but the key has to be kept, backed up or rotated.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path


class InstallationKey:
    """Derives the secrets of one installation."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def load_or_create(cls, data_dir: Path) -> "InstallationKey":
        """The key in `<data_dir>/key`, made on first use. Raises OSError where the directory can't be written."""
        path = data_dir / "key"
        if not path.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"key.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(32))
            _publish(draft, path)
        return cls(bytes.fromhex(path.read_text().strip()))

    def derive(self, purpose: str) -> str:
        """64 hex digits, the same for the same purpose for ever."""
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).hexdigest()

    def webhook_secret(self, app: str) -> str:
        return self.derive(f"webhook:{app}")

    def signing_key(self, subscription: str, version: int) -> bytes:
        """32 bytes that sign the webhooks of a subscription."""
        return bytes.fromhex(self.derive(f"subscription:{subscription}:{version}"))

    @property
    def admin_token(self) -> str:
        """The bootstrap administrator's token (`sl_` and 40 characters)."""
        return f"sl_{self.derive('admin-token')[:40]}"

    def agent_token(self, region: str) -> str:
        """A token for the local agents of one region."""
        return f"sl_{self.derive(f'agent-token:{region}')[:40]}"


def _publish(draft: Path, path: Path) -> None:
    """Let the first of several starters win: a link fails where the key exists already."""
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
