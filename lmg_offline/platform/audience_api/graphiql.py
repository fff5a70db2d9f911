"""A page for trying queries, in development: one file, no outside host."""

from __future__ import annotations

from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Queries to {path}</title>
<style>
  body {{ font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }}
  main {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); }}
  label {{ display: block; font-weight: 600; margin-top: .5rem; }}
  textarea, input, pre {{ box-sizing: border-box; font: 13px/1.4 monospace; width: 100%; }}
  pre {{ background: #f4f4f4; margin: 0; min-height: 20rem; overflow: auto; padding: .5rem; }}
  button {{ font: inherit; margin-top: .5rem; padding: .3rem 1rem; }}
</style>
<h1>Queries to <code>{path}</code></h1>
<main>
<form id="form">
  <label for="key">Write key</label><input id="key" autocomplete="off">
  <label for="token">Session token</label><input id="token" autocomplete="off">
  <label for="query">Query</label>
  <textarea id="query" rows="16" spellcheck="false">{{ __schema {{ queryType {{ fields {{ name }} }} }} }}</textarea>
  <label for="variables">Variables (JSON)</label>
  <textarea id="variables" rows="4" spellcheck="false">{{}}</textarea>
  <button>Run (Ctrl+Enter)</button>
</form>
<section><label for="answer">Answer</label><pre id="answer" tabindex="0" aria-live="polite"></pre></section>
</main>
<script>
const field = (id) => document.getElementById(id);
field("form").addEventListener("submit", async (event) => {{
  event.preventDefault();
  const headers = {{"Content-Type": "application/json", "X-Integration-Write-Key": field("key").value}};
  if (field("token").value) headers["X-Session-Token"] = field("token").value;
  try {{
    const variables = JSON.parse(field("variables").value || "{{}}");
    const body = JSON.stringify({{query: field("query").value, variables}});
    const reply = await fetch(location.pathname, {{method: "POST", headers, body}});
    const text = await reply.text();
    let shown = text;
    try {{ shown = JSON.stringify(JSON.parse(text), null, 2); }} catch (error) {{ shown = text; }}
    field("answer").textContent = `HTTP ${{reply.status}}\\n${{shown}}`;
  }} catch (error) {{
    field("answer").textContent = String(error);
  }}
}});
document.addEventListener("keydown", (event) => {{
  if (event.ctrlKey && event.key === "Enter") field("form").requestSubmit();
}});
</script>
</html>
"""


def page(path: str) -> str:
    """Return the page for the endpoint at this path."""
    return _PAGE.format(path=escape(path))
