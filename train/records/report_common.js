"use strict";
// What the scripts of the report share: the data, the state of the controls, words for numbers, colours of the runs.
// Whatever comes from files enters the page as text, never as markup.

const data = JSON.parse(document.getElementById("report-data").textContent);
const runs = data.runs;
const baseline = runs[data.baseline];
const state = {
  x: "epochs",
  y: "log",
  set: "validation",
  hidden: new Set()
};

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

const loss = (value) => or(value, (v) => (v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(2) : v.toPrecision(4)));
const percent = (value) => or(value, (v) => (100 * v).toFixed(2) + "\u202f%");
const times = (value) => or(value, (v) => (v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2)) + "\u00d7");
const grouped = (value) => value.toLocaleString("en-US");

function duration(value) {
  return or(value, (v) => {
    if (v < 10) return v.toPrecision(3) + "\u202fs";
    if (v < 120) return v.toFixed(1) + "\u202fs";
    if (v < 7200) return (v / 60).toFixed(1) + "\u202fmin";
    return (v / 3600).toFixed(1) + "\u202fh";
  });
}

function listed(items) {
  if (items.length < 2) return items.join("");
  return items.slice(0, -1).join(", ") + " and " + items[items.length - 1];
}

// ---- colours: the baseline is neutral, the others take turns

const neutral = runs.length > 1 ? baseline : null;
const others = runs.filter((run) => run !== neutral);
const dashes = ["solid", "dash", "dashdot", "dot"];
const symbols = ["circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "star"];
runs.forEach((run) => {
  const place = others.indexOf(run);
  run.color = run === neutral ? "--baseline" : "--run-" + (place % 7);
  run.dash = run === neutral ? "solid" : dashes[Math.floor(place / 7) % 4];
  run.symbol = run === neutral ? "x" : symbols[place % 7];
});
const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const swatch = (run) => element("span", {class: "swatch", style: "var(" + run.color + ")", "aria-hidden": "true"});
