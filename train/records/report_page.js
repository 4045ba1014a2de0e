"use strict";
// Title, explanation, cards and tables.

function methodSentence(method) {
  if (method.name === "backprop") return "Backpropagation: the optimizer gets the gradient itself.";
  const size = "proximal step size tau_theta = " + method.tau_theta;
  if (method.name === "exact") {
    return "Proximal backpropagation: each proximal layer solves its linear system exactly and hands the optimizer the " +
        "result in place of the gradient; " + size + ".";
  }
  if (method.name === "cg") {
    return "Proximal backpropagation: each proximal layer solves its linear system approximately, by " +
        method.cg_iterations + " iterations of conjugate gradients; " + size + ".";
  }
  if (method.name === "amortized") {
    return "Proximal backpropagation: each proximal layer solves its linear system to a relative residual of 1e-4, with the " +
        "factor of an earlier step, at most " + method.update_every + " old, where that is less work; " + size + ".";
  }
  if (method.name === "running_gram") {
    return "FOOF, not the exact proximal step: each proximal layer solves with a running average of Gram matrices (decay " +
        method.gram_decay + "), whose inverse is renewed every " + method.update_every + " steps; " + size + ".";
  }
  if (method.name === "foof") {
    return "FOOF: each layer but the last solves with a running average of mean Gram matrices (m = " + method.foof_m +
        ", S = " + method.foof_s + "), whose inverse is renewed every T = " + method.foof_t + " steps; lambda = " +
        method.foof_lambda + ".";
  }
  if (method.name === "isaac") {
    return "ISAAC: each layer but the last hands the optimizer, for its weight, lambda times the proximal step with the " +
        "mean Gram and tau_theta = 1 / lambda, and for its bias the gradient; lambda = " + method.isaac_lambda + ".";
  }
  if (method.name === "kfac") {
    return "K-FAC: each layer divides the gradient by its block of the Fisher matrix, as a Kronecker product of two " +
        "running averages, with " + (method.kfac_fisher === "sampled" ? "labels drawn from the model" : "the data's labels") +
        "; inverses every " + method.kfac_t_inv + " steps, lambda = " + method.kfac_lambda + ".";
  }
  if (method.name === "locoprop_s") {
    return "LocoProp-S: each layer but the last takes T = " + method.locoprop_t + " gradient descent steps of rate " +
        method.locoprop_lr + " on its local objective; gamma = " + method.locoprop_gamma + ", eta = " +
        method.locoprop_eta + ".";
  }
  if (method.name === "lab") {
    const theta = method.step_theta === "cg" ? method.cg_iterations + " conjugate gradient iterations" : method.step_theta;
    return "The paper's algorithm by step rules: z " + method.step_z + ", a " + method.step_a + ", last layer " +
        method.step_last + ", theta " + theta + (method.step_theta === "explicit" ? "" : "; " + size) + ".";
  }
  return "Method " + method.name + ".";
}

function explain() {
  const names = listed([baseline, ...runs.filter((run) => run !== baseline)].map((run) => run.label));
  const title = runs.length === 1 ? "Training run: " + names :
      names.length <= 60          ? names + ", compared" :
                                    "Comparison of " + runs.length + " training runs";
  byId("title").textContent = title;
  document.title = title + " \u2013 proxprop";

  const config = baseline.config;
  const common = (key) => !data.config.some((row) => row.key === key && row.differs);
  const facts = [];
  if (common("data.name")) facts.push(config.data.name + ", " + grouped(baseline.train_records) + " training records");
  if (common("model.name") && common("model.layers") && common("model.hidden")) {
    facts.push(
        (config.model.layers.length ? "own layers" : config.model.name) + " with " + grouped(baseline.parameters) +
        " parameters");
  }
  if (common("train.batch_size")) facts.push("batches of " + grouped(config.train.batch_size));
  if (baseline.info) {
    const device = baseline.info.device_name;
    facts.push(device === "cpu" ? baseline.info.cpu_name : device);
  }
  byId("facts").textContent = facts.join("  \u00b7  ");

  const foreign = data.config.filter((row) => row.differs && /^(data|model)\./.test(row.key));
  const lead = byId("lead");
  if (runs.length > 1) {
    const what = foreign.length === 0 ? "These runs train the same network on the same data. " :
                                        "These runs do not all train the same network on the same data (" +
            listed(foreign.map((row) => row.key)) + " differ), so compare them with care. ";
    lead.append(element(
        "p", {},
        what + "A method is better when its training loss falls faster and its accuracy on data " +
            "that it was not trained on ends higher. The curves show both against epochs, which tells how much each pass over " +
            "the data achieves, and against seconds, which tells whether the extra work per step pays. The reference is " +
            baseline.label + "."));
  } else {
    lead.append(element(
        "p", {},
        "The curves show the loss on the training data, and loss and accuracy on data that the " +
            "network was not trained on, against epochs and against seconds of training."));
  }
  const list = element("dl", {});
  for (const run of runs) {
    list.append(element("dt", {}, swatch(run), run.label), element("dd", {}, methodSentence(run.config.method)));
  }
  lead.append(list);
}

function card(run) {
  const s = run.summary;
  const box = element("article", {class: "card", style: "var(" + run.color + ")"});
  if (run.status !== "finished")
    box.append(element("span", {class: "tag"}, run.status));
  else if (run === baseline && runs.length > 1)
    box.append(element("span", {class: "tag"}, "reference"));
  box.append(element("h3", {}, run.label));
  const big = (text, unit) =>
      box.append(element("div", {class: "big"}, text, unit ? element("small", {}, unit) : null));
  const small = (text) => box.append(element("p", {}, text));
  if (run === baseline) {
    big(loss(s.final_train_loss));
    small("final training loss, after " + s.epochs + " epochs and " + duration(s.seconds) + " of training");
  } else if (known(s.speed_up)) {
    big(times(s.speed_up >= 1 ? s.speed_up : 1 / s.speed_up), s.speed_up >= 1 ? "sooner" : "later");
    small("reaches the final training loss of " + baseline.label + " after " + duration(s.seconds_to_baseline_loss));
  } else {
    big(loss(s.final_train_loss));
    small(
        "final training loss; did not reach that of " + baseline.label + " (" +
        loss(baseline.summary.final_train_loss) + ")");
  }
  const accuracy = [];
  if (known(s.best_validation_accuracy)) accuracy.push("validation " + percent(s.best_validation_accuracy));
  if (known(s.test_accuracy)) accuracy.push("test " + percent(s.test_accuracy));
  if (accuracy.length) small("Accuracy: " + accuracy.join(", "));
  return box;
}

// ---- tables

function resultsTable() {
  const s = (run) => run.summary;
  const target = loss(baseline.summary.final_train_loss);
  let columns = [
    {name: "Run", cell: (run) => [swatch(run), element("span", {class: "label"}, run.label)]},
    {name: "Epochs", kind: "number", cell: (run) => String(s(run).epochs)},
    {
      name: "Final training loss",
      kind: "number",
      cell: (run) => loss(s(run).final_train_loss),
      best: (run) => negative(s(run).final_train_loss)
    },
    {
      name: "Best validation accuracy",
      kind: "number",
      best: (run) => s(run).best_validation_accuracy,
      cell: (run) => known(s(run).best_validation_accuracy) ?
          [percent(s(run).best_validation_accuracy), element("small", {}, " at epoch " + s(run).best_epoch)] :
          "\u2013"
    },
    {
      name: "Test accuracy",
      kind: "number",
      cell: (run) => percent(s(run).test_accuracy),
      best: (run) => s(run).test_accuracy
    },
    {name: "Gradient evaluations", kind: "number", cell: (run) => or(s(run).evaluations, (v) => v.toPrecision(3))},
    {name: "Seconds per epoch", kind: "number", cell: (run) => or(s(run).seconds_per_epoch, (v) => v.toPrecision(3))},
    {name: "Ratio to " + baseline.label, several: true, kind: "number", cell: (run) => times(s(run).seconds_ratio)},
    {
      name: "Time to loss " + target,
      several: true,
      kind: "number",
      cell: (run) => duration(s(run).seconds_to_baseline_loss)
    },
    {
      name: "Speed-up to that loss",
      several: true,
      kind: "number",
      cell: (run) => times(s(run).speed_up),
      best: (run) => s(run).speed_up
    },
    {name: "Status", cell: (run) => run.status},
  ];
  columns = columns.filter((column) => runs.length > 1 || !column.several);
  byId("results-table").append(table("Results", columns, runs));
  byId("results-note").textContent =
      "Training time does not count evaluation. Seconds per epoch are a median. The test " +
      "accuracy is taken after the epoch of the best validation accuracy, or after the last epoch where nothing validates." +
      (runs.length < 2 ?
           "" :
           " Time to a loss is where the curve of training losses, straight between epochs, first reaches " + target +
               ", the final loss of " + baseline.label + ".");
}
const negative = (value) => (known(value) ? -value : value);

function configTables() {
  const columnsFor = (indices) =>
      [{name: "Setting", kind: "code", cell: (row) => row.key},
       ...indices.map((i) => ({name: runs[i].label, kind: "code", cell: (row) => row.values[i] || "\u2013"})),
  ];
  const differing = data.config.filter((row) => row.differs);
  const shared = data.config.filter((row) => !row.differs);
  if (differing.length) {
    byId("differences-table").append(table("Settings that differ", columnsFor(runs.map((_, i) => i)), differing));
    byId("differences-note").textContent = "Only these settings differ between the runs.";
  } else {
    byId("differences-note").textContent = runs.length > 1 ? "All runs have the same settings." : "";
    if (runs.length === 1) byId("common").open = true;
  }
  const columns = columnsFor([0]);
  columns[1].name = "Value";
  if (runs.length === 1) byId("common").querySelector("summary").textContent = "All settings";
  byId("common-table").append(table("Settings that all runs share", columns, shared));
}

function planTables() {
  const planned = runs.filter((run) => run.plan.length);
  byId("plan-section").hidden = planned.length === 0;
  const columns = [
    {name: "Layer", kind: "code", cell: (row) => row.layer},
    {name: "Kind", kind: "short", cell: (row) => row.kind},
    {name: "Solver", kind: "short", cell: (row) => row.solver},
    {name: "Route", kind: "short", cell: (row) => row.route},
    {name: "S", kind: "number", cell: (row) => grouped(row.rows)},
    {name: "d", kind: "number", cell: (row) => grouped(row.columns)},
    {name: "O", kind: "number", cell: (row) => grouped(row.outputs)},
    {name: "Why", kind: "reason", cell: (row) => row.reason},
  ];
  for (const run of planned) {
    byId("plans").append(table("Plan of " + run.label, columns, run.plan, run.label));
  }
}

function originTable() {
  const info = (run) => run.info || {};
  // From the text: a seed may have more digits than a number of JavaScript.
  const seed = (run) => data.config.find((row) => row.key === "train.seed").values[runs.indexOf(run)];
  const version = (run) => [info(run).program_version, info(run).git_describe && "(" + info(run).git_describe + ")"];
  const columns = [
    {name: "Run", cell: (run) => [swatch(run), element("span", {class: "label"}, run.label)]},
    {
      name: "Started (UTC)",
      kind: "short",
      cell: (run) => (info(run).start_time || "\u2013").replace("T", " ").replace("Z", "")
    },
    {name: "Device", cell: (run) => info(run).device_name || "\u2013"},
    {name: "Processor", cell: (run) => info(run).cpu_name || "\u2013"},
    {name: "proxprop", cell: (run) => version(run).filter(Boolean).join(" ") || "\u2013"},
    {name: "LibTorch", cell: (run) => info(run).libtorch_version || "\u2013"},
    {name: "Seed", kind: "number", cell: seed},
    {name: "Command line", kind: "command", cell: (run) => (info(run).command_line || []).join(" ") || "\u2013"},
  ];
  byId("origin-table").append(table("Origin of the runs", columns, runs));
}
