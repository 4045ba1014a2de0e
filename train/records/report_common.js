"use strict";
// What the scripts of the report share: the state of the controls, words for numbers, colours of the runs.

const runs = data.runs;
const baseline = runs[data.baseline];
const state = {
  x: "epochs",
  y: "log",
  set: "validation",
  hidden: new Set()
};

const loss = (value) => or(value, (v) => (v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(2) : v.toPrecision(4)));
const percent = (value) => or(value, (v) => (100 * v).toFixed(2) + "\u202f%");
const times = (value) => or(value, (v) => (v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2)) + "\u00d7");

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
const swatch = (run) => element("span", {class: "swatch", style: "var(" + run.color + ")", "aria-hidden": "true"});
