"""What a pipeline is compiled for: one commit of one app and the cause of the run."""

import msgspec

from core.trigger import Source


class CompileContext(msgspec.Struct, frozen=True, kw_only=True):
    """`inputs` are as given, as text; the pipeline's types, defaults and options are applied by compile."""

    app: str
    commit: str
    region: str = ""
    event: Source = "push"
    branch: str = ""
    tag: str = ""
    actor: str = ""
    run_number: int = 0
    inputs: dict[str, str] = {}
    pull_request: int | None = None
    base_branch: str = ""
    title: str = ""
