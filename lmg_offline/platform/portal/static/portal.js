// The segment builder: shows what a condition needs, and counts while it is typed.
// Without this script the same form works by its buttons.
"use strict";

const form = document.getElementById("builder");
const count = document.getElementById("count");
const WAIT_MS = 250;
let timer = 0;
let asked = 0;

function shape(condition) {
  const kind = condition.querySelector("[data-kind]").selectedOptions[0].dataset;
  const part = (name) => condition.querySelector(`[data-part="${name}"]`);
  part("name").hidden = !kind.name;
  part("op").hidden = !kind.ops;
  part("value").hidden = !kind.value;
  part("days").hidden = !kind.days;
  part("name").querySelector("label").textContent = kind.name || "Name";
  part("value").querySelector("label").textContent = kind.value || "Value";
  const name = part("name").querySelector("input");
  if (kind.names) name.setAttribute("list", kind.names);
  else name.removeAttribute("list");
  condition.querySelector(".hint").textContent = kind.hint;
  const op = part("op").querySelector("select");
  const ops = kind.ops.split(" ");
  for (const option of op.options) {
    option.hidden = option.disabled = !ops.includes(option.value);
  }
  if (op.selectedOptions.length === 0 || op.selectedOptions[0].disabled) {
    const first = [...op.options].find((option) => !option.disabled);
    if (first) op.value = first.value;
  }
}

function show(answer) {
  const number = (value) => value.toLocaleString("en");
  if (answer.count === null) {
    count.textContent = "No count: something is not as it must be.";
  } else {
    const strong = document.createElement("strong");
    strong.textContent = number(answer.count);
    count.replaceChildren(strong, ` of ${number(answer.total)} ${answer.total === 1 ? "person" : "people"}`);
  }
  for (const place of form.querySelectorAll("[data-fault]")) {
    const at = place.closest("[data-at]").dataset.at;
    place.textContent = (answer.faults[at] || []).join(" ");
    const value = at && place.parentElement.querySelector('[data-part="value"] input');
    if (value) value.toggleAttribute("aria-invalid", false);
    if (value && place.textContent) value.setAttribute("aria-invalid", "true");
  }
}

async function ask() {
  const mine = ++asked;
  try {
    const body = new URLSearchParams(new FormData(form));
    const reply = await fetch(form.dataset.preview, { method: "POST", body, redirect: "error" });
    if (mine !== asked) return; // a later one is on its way
    if (!reply.ok) throw new Error(String(reply.status));
    show(await reply.json());
  } catch (error) {
    if (mine === asked) count.textContent = "No count: the platform does not answer, or you were signed out.";
  }
}

for (const condition of form.querySelectorAll(".condition")) shape(condition);
form.addEventListener("change", (event) => {
  if (event.target.matches("[data-kind]")) shape(event.target.closest(".condition"));
});
form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
});
