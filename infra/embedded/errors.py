"""The one error of the servers started here: a stable code, what happened and what to do about it."""


class ServerError(Exception):
    """A server could not be had or started. `code` is stable and kebab-case; `detail` is for a person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({code})")
        self.code = code
        self.detail = detail
