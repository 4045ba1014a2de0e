#pragma once

#include "reproduce/experiment.h"
#include "reproduce/run_store.h"

#include <filesystem>

namespace proxprop::reproduce {

/// Copies what report and page are made from into `target`, small enough for a repository: of every run of the
/// experiment run.json, metrics.csv and metrics.jsonl without its batches; of every Hessian hessian.json; timings and
/// what was asked for. No checkpoints, no TensorBoard events, and of paths in command lines the last part only. What is
/// there already is replaced, file by file. Throws train::RecordError.
void export_records(
    const Experiment& experiment,
    int64_t seeds,
    const RunStore& store,
    const std::filesystem::path& out,
    const std::filesystem::path& target);

}  // namespace proxprop::reproduce
