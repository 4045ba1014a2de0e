"use strict";
// The page about spectra of Hessians: tables of extreme eigenvalues, one figure for the density and one for the
// cumulative share of each spectrum.

const number = (value) => or(value, (v) => (v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5)) ? v.toExponential(4) : v.toPrecision(5));
const withError = (eigenvalue) => number(eigenvalue.value) + " \u00b1 " + or(eigenvalue.error, (v) => v.toExponential(1));

function extremesTable() {
  const columns = [
    {name: "Hessian", cell: (s) => s.name},
    {name: "Rows", kind: "number", cell: (s) => grouped(s.rows)},
    {name: "Size", kind: "number", cell: (s) => grouped(s.dimension)},
    {name: "Largest", kind: "number", cell: (s) => withError(s.largest[0])},
    {name: "Smallest", kind: "number", cell: (s) => withError(s.smallest[0])},
    {name: "Largest / smallest", kind: "number", cell: (s) => number(s.condition)},
    {name: "Mean", kind: "number", cell: (s) => number(s.mean)},
    {name: "Next largest", kind: "code", cell: (s) => s.largest.slice(1).map((e) => number(e.value)).join(", ")},
  ];
  byId("extremes").append(table("Extreme eigenvalues", columns, data.spectra));
}

// Shares of the eigenvalues at or below each node: the weights added up.
function cumulative(s) {
  let total = 0;
  return s.weights.map((weight) => (total += weight));
}

function layout(x, y) {
  const axis = {gridcolor: styleOf("--grid"), linecolor: styleOf("--line"), zeroline: false, automargin: true, exponentformat: "power"};
  return {
    font: {family: styleOf("--sans"), color: styleOf("--muted"), size: 13},
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: {l: 60, r: 16, t: 8, b: 46},
    xaxis: {...axis, ...x},
    yaxis: {...axis, ...y},
  };
}

const drawn = [];
function figure(title, note, id, trace, x, y) {
  const plot = element("div", {class: "plot", role: "img", "aria-label": title});
  byId("figures").append(element(
      "figure", {class: "figure"}, element("figcaption", {}, element("h3", {}, title), element("p", {}, note)), plot));
  drawn.push(() => Plotly.react(
      plot, [{...trace, line: {...trace.line, color: styleOf("--run-0"), width: 2}}], layout(x, y), {
        responsive: true,
        displaylogo: false,
        modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
        toImageButtonOptions: {format: "svg", filename: "proxprop-hessian-" + id},
      }));
}

function figures() {
  data.spectra.forEach((s, i) => {
    figure(
        "Density: " + s.name, "Each node of the quadrature is a Gaussian of standard deviation " + number(s.density.width) + ".",
        "density-" + i, {x: s.density.at, y: s.density.value, mode: "lines"}, {title: {text: "eigenvalue"}},
        {title: {text: "density"}, type: "log", range: [Math.log10(Math.max(...s.density.value)) - 8, Math.log10(Math.max(...s.density.value)) + 0.5]});
    const positive = s.smallest[0].value > 0;
    figure(
        "Share of eigenvalues below: " + s.name, "Weights of the quadrature, added up.", "share-" + i,
        {x: s.nodes, y: cumulative(s), mode: "lines", line: {shape: "hv"}},
        {title: {text: "eigenvalue"}, type: positive ? "log" : "linear"}, {title: {text: "share"}, tickformat: ".0%"});
  });
}

function settingsTable() {
  const rows = ["data", "model", "method", "train"].flatMap(
      (section) => Object.entries(data.config[section]).map(([key, value]) => ({key: section + "." + key, value})));
  const columns = [
    {name: "Setting", kind: "code", cell: (row) => row.key},
    {name: "Value", kind: "code", cell: (row) => JSON.stringify(row.value)},
  ];
  byId("settings").append(table("Settings", columns, rows));
}

byId("title").textContent = data.spectra.map((s) => s.name).join("; ");
byId("facts").textContent = data.config.data.name + ", pixels: " + data.config.data.normalization;
extremesTable();
figures();
settingsTable();
const redraw = () => drawn.forEach((draw) => draw());
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
redraw();
