"use strict";
// Curves and the controls that choose what they show; then the page is put together.

const recorded = (name) => runs.some((run) => run.epochs[name].some(known));
const setName = () => (state.set === "test" ? "Test" : "Validation");
const figures = [
  {
    id: "train-loss",
    wide: true,
    loss: true,
    title: () => "Training loss",
    note: () => "Over the whole training set, after each epoch." +
        (runs.length > 1 ? " The dashed line is the final loss of " + baseline.label +
                 (state.x === "seconds" ? "; rings mark where the runs reach it." : ".") :
                           ""),
    traces: (run) => [epochTrace(run, "train_loss"), ...reachedTrace(run)],
    shapes: baselineShape
  },
  {
    id: "held-out-loss",
    loss: true,
    title: () => setName() + " loss",
    note: () => "On records that the network was not trained on.",
    traces: (run) => [epochTrace(run, state.set + "_loss")],
    show: () => recorded("validation_loss") || recorded("test_loss")
  },
  {
    id: "held-out-accuracy",
    percent: true,
    title: () => setName() + " accuracy",
    note: () => "Share of these records that are classified correctly.",
    traces: (run) => [epochTrace(run, state.set + "_accuracy")],
    show: () => recorded("validation_accuracy") || recorded("test_accuracy")
  },
  {
    id: "batch-loss",
    loss: true,
    title: () => "Batch loss",
    note: batchNote,
    traces: (run) => [batchTrace(run)],
    show: () => runs.some((run) => run.batches.loss.length > 0)
  },
  {
    id: "train-accuracy",
    percent: true,
    title: () => "Training accuracy",
    note: () => "Over the whole training set, after each epoch.",
    traces: (run) => [epochTrace(run, "train_accuracy")],
    show: () => recorded("train_accuracy")
  },
  {
    id: "energy-change",
    wide: true,
    loss: true,
    legend: true,
    title: () => "Change of the penalty energy by each block update",
    note: () => "E of the paper's equation 3: how far the update of one block of variables, with all others as it saw " +
        "them, brought it down (dots) or up (crosses). The number is the layer's.",
    traces: energyTraces,
    show: () => runs.some((run) => run.energies.length > 0)
  },
].filter((figure) => !figure.show || figure.show());

function batchNote() {
  const most = Math.max(...runs.map((run) => run.batches.per_point));
  return most > 1 ? "Of each batch before its step; a point is the mean of up to " + most + " batches." :
                    "Of each batch, before its step.";
}

const xOf = (columns) => (state.x === "epochs" ? columns.epoch : columns[state.x]);
const xTitles = {
  epochs: "epochs",
  seconds: "seconds of training",
  evaluations: "gradient evaluations, in passes over the training set"
};
// Labels come from files, and Plotly reads some markup in names.
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const hover = (unit) => "%{y:" + unit + "}<extra>%{fullData.name}</extra>";

function epochTrace(run, name) {
  const color = styleOf(run.color);
  return {
    x: xOf(run.epochs),
    y: run.epochs[name],
    name: escaped(run.label),
    mode: run.epochs.epoch.length > 40 ? "lines" : "lines+markers",
    line: {color, width: 2.25, dash: run.dash},
    marker: {color, size: 6, symbol: run.symbol},
    hovertemplate: hover(name.endsWith("accuracy") ? ".2%" : ".4~g"),
  };
}

function batchTrace(run) {
  return {
    x: xOf(run.batches),
    y: run.batches.loss,
    name: escaped(run.label),
    mode: "lines",
    line: {color: styleOf(run.color), width: 1.25, dash: run.dash},
    opacity: 0.9,
    hovertemplate: hover(".4~g"),
  };
}

function energyTraces(run) {
  return run.energies.map((block, i) => {
    const color = styleOf("--run-" + (i % 7));
    return {
      x: block.epoch,
      y: block.change.map((change) => (known(change) ? Math.abs(change) : null)),
      name: escaped(runs.length > 1 ? run.label + ": " + block.block : block.block),
      mode: "lines+markers",
      line: {color, width: 1.25, dash: runs.length > 1 ? run.dash : dashes[Math.floor(i / 7) % 4]},
      marker: {color, size: 6, symbol: block.change.map((change) => (change > 0 ? "x" : "circle"))},
      customdata: block.change,
      hovertemplate: "%{customdata:.4~g}<extra>%{fullData.name}</extra>",
    };
  });
}

function reachedTrace(run) {
  if (state.x !== "seconds" || run === baseline || !known(run.summary.seconds_to_baseline_loss)) return [];
  return [{
    x: [run.summary.seconds_to_baseline_loss],
    y: [baseline.summary.final_train_loss],
    mode: "markers",
    name: escaped(run.label),
    marker: {symbol: "circle-open", size: 14, color: styleOf(run.color), line: {width: 2.5}},
    hovertemplate: "reaches %{y:.4~g} after %{x:.4~g} s<extra>%{fullData.name}</extra>",
  }];
}

function baselineShape() {
  const level = baseline.summary.final_train_loss;
  if (runs.length < 2 || !known(level)) return [];
  return [{
    type: "line",
    xref: "paper",
    x0: 0,
    x1: 1,
    y0: level,
    y1: level,
    layer: "below",
    line: {color: styleOf("--baseline"), width: 1.25, dash: "dash"}
  }];
}

// Plotly's own choice prints all of 1, 2, ... 9 on top of each other in a low figure.
function logarithmicTicks(traces) {
  const values = traces.flatMap((trace) => trace.y).filter((value) => known(value) && value > 0);
  const decades =
      Math.log10(values.reduce((a, b) => Math.max(a, b), 0) / values.reduce((a, b) => Math.min(a, b), Infinity));
  return decades > 4 ? Math.ceil(decades / 8) : decades > 0.8 ? "D2" : decades > 0.3 ? "D1" : undefined;
}

function layout(figure, traces) {
  const muted = styleOf("--muted"), grid = styleOf("--grid"), card = styleOf("--card"), text = styleOf("--text");
  const axis = {
    gridcolor: grid,
    linecolor: grid,
    zeroline: false,
    tickfont: {color: muted},
    automargin: true,
    fixedrange: false
  };
  const logarithmic = figure.loss && state.y === "log";
  const top = state.x === "epochs" ? Math.max(...runs.map((run) => run.epochs.epoch.at(-1) || 0)) : NaN;
  return {
    font: {family: styleOf("--sans"), size: 13, color: text},
    paper_bgcolor: card,
    plot_bgcolor: card,
    showlegend: Boolean(figure.legend),
    legend: {orientation: "h", y: -0.2},
    margin: {l: 8, r: 12, t: 10, b: 8},
    hovermode: state.x === "epochs" ? "x unified" : "closest",
    modebar: {bgcolor: "rgba(0,0,0,0)", color: muted, activecolor: text},
    hoverlabel: {bgcolor: card, bordercolor: styleOf("--line"), font: {color: text, family: styleOf("--sans")}},
    xaxis: {
      ...axis,
      title: {text: xTitles[state.x], font: {color: muted, size: 12}, standoff: 8},
      hoverformat: ".4~g",
      unifiedhovertitle: {text: "epoch %{x}"},
      dtick: top > 0 && top <= 12 ? 1 : undefined
    },
    yaxis: {
      ...axis,
      type: logarithmic ? "log" : "linear",
      tickformat: figure.percent ? ",.3~%" :
          logarithmic            ? ".2~g" :
                                   "",
      ...(logarithmic ? {dtick: logarithmicTicks(traces)} : {nticks: 8})
    },
    shapes: figure.shapes ? figure.shapes() : [],
    uirevision: state.x + state.y + state.set,
  };
}

function makeFigures() {
  for (const figure of figures) {
    figure.heading = element("h3", {});
    figure.caption = element("p", {});
    figure.plot = element("div", {class: "plot", role: "img"});
    byId("figures").append(element(
        "figure", {class: figure.wide ? "figure wide" : "figure"},
        element("figcaption", {}, figure.heading, figure.caption), figure.plot));
  }
}

function draw() {
  const shown = runs.filter((run) => !state.hidden.has(run));
  for (const figure of figures) {
    figure.heading.textContent = figure.title();
    figure.caption.textContent = figure.note();
    figure.plot.setAttribute(
        "aria-label",
        figure.title() + " of " + listed(shown.map((run) => run.label)) + " against " + state.x +
            "; the final values are in the results table");
    const traces = shown.flatMap(figure.traces);
    Plotly.react(figure.plot, traces, layout(figure, traces), {
      responsive: true,
      displaylogo: false,
      displayModeBar: "hover",
      // Said in full, so that no button of Plotly that would send data somewhere can appear.
      modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
      toImageButtonOptions: {format: "svg", filename: "proxprop-" + figure.id},
    });
  }
}

// ---- controls

function segments(id, key, choices) {
  const buttons = choices.map(([value, text]) => {
    const button = element("button", {type: "button"}, text);
    button.addEventListener("click", () => {
      state[key] = value;
      refresh();
      draw();
    });
    return [value, button];
  });
  const refresh = () =>
      buttons.forEach(([value, button]) => button.setAttribute("aria-pressed", String(state[key] === value)));
  byId(id).append(...buttons.map(([, button]) => button));
  refresh();
}

function chips() {
  byId("runs-control").hidden = runs.length < 2;
  for (const run of runs) {
    const chip = element(
        "button", {type: "button", class: "chip", "aria-pressed": "true", title: "Show or hide this run"}, swatch(run),
        element("span", {}, run.label));
    chip.addEventListener("click", () => {
      if (!state.hidden.delete(run)) state.hidden.add(run);
      chip.setAttribute("aria-pressed", String(!state.hidden.has(run)));
      draw();
    });
    byId("chips").append(chip);
  }
}

function controls() {
  chips();
  const counted = runs.every((run) => run.epochs.evaluations.at(-1) > 0);  // older records do not count
  segments(
      "x-choice", "x",
      [["epochs", "Epochs"], ["seconds", "Seconds"], ...(counted ? [["evaluations", "Evaluations"]] : [])]);
  segments("y-choice", "y", [["log", "Logarithmic"], ["linear", "Linear"]]);
  const validates = recorded("validation_loss"), tests = recorded("test_loss");
  if (!validates) state.set = "test";
  if (validates && tests)
    segments("set-choice", "set", [["validation", "Validation"], ["test", "Test"]]);
  else
    byId("set-control").hidden = true;
}

explain();
byId("cards").append(...runs.map(card));
resultsTable();
configTables();
planTables();
originTable();
controls();
makeFigures();
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
