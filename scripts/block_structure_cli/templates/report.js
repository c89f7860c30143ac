"use strict";
// Sorts and filters tables and copies remedies. The page is complete without it.
// Of "before → after" the later one counts; "2.0x slower" is half as fast.
const number = (text) => {
  if (text === "the same") return 1;
  const found = text.split("→").pop().replaceAll(",", "").match(/-?\d+(\.\d+)?/);
  if (!found) return -Infinity;
  return text.endsWith("slower") ? 1 / Number(found[0]) : Number(found[0]);
};
const textOf = (row, place) => row.cells[place].textContent.trim();

function sortBy(table, heading, place) {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  const inOrder = heading.classList.contains("number")
    ? (a, b) => number(textOf(a, place)) - number(textOf(b, place))
    : (a, b) => textOf(a, place).localeCompare(textOf(b, place), "en", { numeric: true });
  const rows = [...table.tBodies[0].rows].sort((a, b) => (ascending ? inOrder(a, b) : inOrder(b, a)));
  table.tBodies[0].append(...rows);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, heading, place));
    heading.append(button);
  });
}

function makeFilter(table) {
  const all = [...table.tBodies[0].rows];
  const line = document.createElement("div"), label = document.createElement("label");
  const input = document.createElement("input"), count = document.createElement("span");
  line.className = "filter";
  input.type = "search";
  label.append("Filter rows: ", input);
  count.setAttribute("role", "status");
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of all) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    count.textContent = `${all.filter((row) => !row.hidden).length} of ${all.length} rows`;
  });
  line.append(label, count);
  table.parentElement.before(line);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A page from a file, or an old browser: copy a selection instead.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function makeCopy(element) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy ${element.dataset.copy}`);
  button.addEventListener("click", async () => {
    await copy(element.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  element.after(button);
}

for (const table of document.querySelectorAll("table")) {
  const rows = table.tBodies[0].rows.length;
  if (rows > 1) makeSortable(table);
  if (rows > 8) makeFilter(table);
}
document.querySelectorAll("[data-copy]").forEach(makeCopy);
