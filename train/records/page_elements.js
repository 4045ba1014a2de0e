"use strict";
// What the scripts of every page share: its data, its elements, tables, words for numbers that may be unknown. Whatever
// comes from files enters the page as text, never as markup.

const data = JSON.parse(document.getElementById("report-data").textContent);

const byId = (id) => document.getElementById(id);

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "style")
      node.style.setProperty("--color", value);
    else
      node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const known = (value) => typeof value === "number";
const or = (value, text) => (known(value) ? text(value) : "\u2013");
const grouped = (value) => value.toLocaleString("en-US");
const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// columns: {name, cell(row) -> string | Node, kind: class of the cell, best: (row) -> number, to be largest}
function table(label, columns, rows, caption) {
  const head = element("tr", {}, ...columns.map((c) => element("th", {scope: "col", class: c.kind || ""}, c.name)));
  const body = element("tbody", {});
  const bests = columns.map((c) => (c.best && rows.length > 1 ? Math.max(...rows.map(c.best).filter(known)) : NaN));
  for (const row of rows) {
    const line = element("tr", {});
    columns.forEach((c, i) => {
      const best = c.best && known(c.best(row)) && c.best(row) === bests[i];
      const attributes = {class: (c.kind || "") + (best ? " best" : "")};
      const content = c.cell(row);
      line.append(
          i === 0 ? element("th", {scope: "row", class: c.kind || ""}, ...[content].flat()) :
                    element("td", attributes, ...[content].flat()));
    });
    body.append(line);
  }
  const node = element("table", {}, caption ? element("caption", {}, caption) : null, element("thead", {}, head), body);
  return element("div", {class: "scroll", role: "region", "aria-label": label, tabindex: "0"}, node);
}
