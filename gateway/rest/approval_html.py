"""How the approval page looks: plain HTML without scripts; everything that comes from outside is escaped."""

from html import escape

from projections.queries.rollout_types import RolloutDetail

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#666}dd{margin:0;overflow-wrap:anywhere}
textarea{width:100%;box-sizing:border-box;font:inherit}
button{font:inherit;padding:.5rem 1.2rem;margin-right:.5rem;border:1px solid #888;background:#fff}
button.yes{background:#176c36;border-color:#176c36;color:#fff}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}button{background:#222;color:#ddd}dt{color:#999}}"""


def message_page(title: str, text: str) -> str:
    return _page(title, f"<p>{escape(text)}")


def approval_page(rollout: RolloutDetail, person: str) -> str:
    """What is asked, of whom, and two buttons while it waits."""
    return _page(
        f"Release {rollout.release.id} to {rollout.environment}?", f"{_facts(rollout)}{_form(rollout, person)}"
    )


def _facts(rollout: RolloutDetail) -> str:
    release, approval = rollout.release, rollout.approval
    said = f"{approval.given} of {approval.count}" if approval else "none needed"
    facts = {
        "app": rollout.app,
        "environment": rollout.environment,
        "regions": ", then ".join(" and ".join(wave) for wave in rollout.waves),
        "strategy": rollout.strategy,
        "release": release.id,
        "commit": release.commit,
        "change": release.title,
        "author": release.author,
        "asked for by": rollout.by,
        "approvals": said,
        "waits until": f"{approval.expires_at:%Y-%m-%d %H:%M} UTC" if approval else "",
    }
    rows = (f"<dt>{name}<dd>{escape(value)}" for name, value in facts.items() if value)
    return f"<dl>{''.join(rows)}</dl>"


def _form(rollout: RolloutDetail, person: str) -> str:
    if rollout.approval is None or rollout.approval.state != "pending":
        state = rollout.approval.state if rollout.approval else "not asked for"
        return f"<p>It waits for nobody any more: {escape(state)}."
    return (
        f"<form method=post><p>You answer as <b>{escape(person)}</b>."
        "<p><label>Comment<br><textarea name=comment rows=3 maxlength=2000></textarea></label>"
        "<p><button class=yes name=choice value=approve>Approve</button>"
        "<button name=choice value=reject>Reject</button></form>"
    )


def _page(title: str, body: str) -> str:
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
    viewport = '<meta name=viewport content="width=device-width">'
    return f"{head}{viewport}<h1>{escape(title)}</h1>{body}\n"
