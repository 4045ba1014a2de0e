"use strict";
// Sections of results.json: settings, curves over epochs, seconds and gradient evaluations (where these are not the
// epochs) with bands over the seeds, tables, remarks.

const symbols = ["circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "star"];
const isBaseline = (label) => label.startsWith("backprop");

// The baselines are neutral, the others take turns; dashes where the seven colours come round.
function looks(labels) {
  const neutral = labels.filter(isBaseline), others = labels.filter((label) => !isBaseline(label));
  return new Map(labels.map((label) => {
    const place = (isBaseline(label) ? neutral : others).indexOf(label);
    const dash = ["solid", "dash", "dot", "dashdot"][isBaseline(label) ? place % 4 : Math.floor(place / 7) % 4];
    return [label, {color: isBaseline(label) ? "--baseline" : "--run-" + (place % 7), dash, symbol: symbols[place % 7]}];
  }));
}

function axis(title, type) {
  return {
    title: {text: title, font: {color: styleOf("--muted"), size: 12}, standoff: 8},
    type: type || "linear",
    gridcolor: styleOf("--grid"),
    linecolor: styleOf("--grid"),
    tickfont: {color: styleOf("--muted")},
    zeroline: false,
    automargin: true,
    exponentformat: "power",
  };
}

function layout(x, y) {
  return {
    font: {family: styleOf("--sans"), size: 13, color: styleOf("--text")},
    paper_bgcolor: styleOf("--card"),
    plot_bgcolor: styleOf("--card"),
    legend: {orientation: "h", y: -0.22},
    margin: {l: 8, r: 12, t: 10, b: 8},
    hoverlabel: {bgcolor: styleOf("--card"), bordercolor: styleOf("--line"), font: {color: styleOf("--text")}},
    xaxis: x,
    yaxis: y,
  };
}

// The band is one closed shape: along the highest values, and back along the lowest.
function bandTrace(x, band, color) {
  return {
    x: [...x, ...[...x].reverse()],
    y: [...band.high, ...[...band.low].reverse()],
    mode: "none",
    fill: "toself",
    fillcolor: color,
    opacity: 0.18,
    hoverinfo: "skip",
    showlegend: false,
  };
}

function curveTraces(curves, x, quantity, look) {
  return curves.filter((curve) => curve[x].length > 0 && curve[quantity].mean.some(known)).flatMap((curve) => {
    const band = curve[quantity], {color, dash, symbol} = look.get(curve.label);
    const spread = band.high.some((high, i) => high > band.low[i]);
    const line = {
      x: curve[x],
      y: band.mean,
      name: curve.label,
      mode: curve[x].length > 20 ? "lines" : "lines+markers",
      line: {color: styleOf(color), width: 2.25, dash},
      marker: {color: styleOf(color), size: 6, symbol},
      hovertemplate: (quantity === "train_loss" ? "%{y:.4~g}" : "%{y:.2%}") + "<extra>%{fullData.name}</extra>",
    };
    return spread ? [bandTrace(curve[x], band, styleOf(color)), line] : [line];
  });
}

function sweepTraces(sweeps, look) {
  return sweeps.flatMap((sweep) => {
    const {color, symbol} = look.get(sweep.label);
    const trace = (y, name, dash) => ({
      x: sweep.x,
      y,
      name,
      mode: "lines+markers",
      line: {color: styleOf(color), width: 2.25, dash},
      marker: {color: styleOf(color), size: 7, symbol},
      hovertemplate: "%{y:.4~g}<extra>%{fullData.name}</extra>",
    });
    return [trace(sweep.ours, sweep.label, "solid"), trace(sweep.paper, "paper: " + sweep.label, "dot")];
  }).filter((trace) => trace.y.some(known));
}

const drawn = [];
function addFigure(parent, name, title, traces, x, y) {
  if (traces().length === 0) return;
  const plot = element("div", {class: "plot", role: "img", "aria-label": title});
  parent.append(element("figure", {class: "figure"}, element("figcaption", {}, element("h3", {}, title)), plot));
  drawn.push(() => Plotly.react(plot, traces(), layout(x(), y()), {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    toImageButtonOptions: {format: "svg", filename: "proxprop-" + name},
  }));
}

function addFigures(parent, section) {
  const look = looks([...section.curves, ...section.sweeps].map((curve) => curve.label));
  const loss = () => axis("", "log"), accuracy = () => ({...axis(""), tickformat: ",.3~%"});
  const figure = (id, title, x, quantity, y) => addFigure(
      parent, section.name + "-" + id, title, () => curveTraces(section.curves, x, quantity, look),
      () => axis({epoch: "epochs", seconds: "seconds of training", evaluations: "gradient evaluations"}[x]), y);
  figure("loss-epochs", "Training loss over epochs", "epoch", "train_loss", loss);
  figure("loss-seconds", "Training loss over seconds", "seconds", "train_loss", loss);
  figure("validation-epochs", "Validation accuracy over epochs", "epoch", "validation_accuracy", accuracy);
  figure("validation-seconds", "Validation accuracy over seconds", "seconds", "validation_accuracy", accuracy);
  if (section.curves.some((curve) => curve.evaluations.some((evaluations, i) => evaluations > curve.epoch[i] + 1e-6))) {
    figure("loss-evaluations", "Training loss over gradient evaluations", "evaluations", "train_loss", loss);
    figure(
        "validation-evaluations", "Validation accuracy over gradient evaluations", "evaluations", "validation_accuracy",
        accuracy);
  }
  addFigure(
      parent, section.name + "-sweep", "Training loss at the end over the learning rate",
      () => sweepTraces(section.sweeps, look), () => axis("learning rate tau", "log"), loss);
}

function addTable(parent, content) {
  const columns = content.header.map((name, i) => ({name, kind: i === 0 ? "" : "number", cell: (row) => row[i]}));
  parent.append(table(content.caption, columns, content.rows, content.caption));
}

for (const section of data.sections) {
  const node = element("section", {id: section.name}, element("h2", {}, section.title), element("p", {class: "explain"}, section.setting));
  const figures = element("div", {class: "figures"});
  node.append(figures);
  addFigures(figures, section);
  section.tables.forEach((content) => addTable(node, content));
  section.notes.forEach((note) => node.append(element("p", {class: "explain"}, note)));
  section.remarks.split(/\n\s*\n/).filter(Boolean).forEach(
      (text) => node.append(element("p", {class: "explain"}, text.replace(/[`*]/g, ""))));
  byId("sections").append(node);
}
const redraw = () => drawn.forEach((draw) => draw());
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
redraw();
