"use strict";
// Heads of tables of class "sortable" become buttons: largest (or first in the alphabet) first, the other way round, as it was.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  if (rows.length < 3) continue;
  table.classList.add("sorts");
  const text = (row, column) => (row.cells[column].dataset.sort ?? row.cells[column].textContent).trim();
  const number = (words) => /^[-+]?[\d,]*\.?\d+(e[-+]?\d+)?( ?%)?$/i.test(words) ? parseFloat(words.replaceAll(",", "")) : NaN;
  heads.forEach((head, column) => {
    if (!head.textContent.trim() || rows.every((row) => !text(row, column))) return;
    const numeric = rows.every((row) => !text(row, column) || !isNaN(number(text(row, column))));
    const first = numeric && head.classList.contains("number") ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { [first]: second, [second]: null }[head.getAttribute("aria-sort")];
      const order = next === undefined ? first : next;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      const sorted = [...rows];
      if (order) {
        head.setAttribute("aria-sort", order);
        const way = order === "ascending" ? 1 : -1;
        sorted.sort((one, other) => {
          const [a, b] = [text(one, column), text(other, column)];
          if (!a || !b) return !a - !b; // what is not known stays last
          return way * (numeric ? number(a) - number(b) : a.localeCompare(b, "en", { numeric: true }));
        });
      }
      body.append(...sorted);
    });
  });
}
