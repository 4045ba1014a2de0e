#include "train/trainer.h"

#include "train/execution.h"
#include "train/lab_step.h"
#include "train/method.h"
#include "train/model.h"
#include "train/training_run.h"
#include "train/whole_step.h"

namespace proxprop::train {

RunEnd train(const Config& config, const Dataset& dataset, const TrainerOptions& options) {
  TrainingRun run(config, dataset, options);
  if (options.resume)
    run.resume();
  if (options.before_start)
    options.before_start();
  run.announce_start();
  try {
    for (;;) {
      if (run.evaluation_due())
        run.evaluate();
      if (run.checkpoint_due())
        run.save_checkpoint();
      if (run.finished() || run.stop_requested())
        break;
      run.step();
    }
    run.save_checkpoint();
  } catch (const DivergedError&) {
    run.announce_end("diverged");
    throw;
  }
  if (!run.finished())
    return run.announce_end("interrupted");
  run.save_weights();
  return run.announce_end("finished");
}

std::vector<LayerPlan> plan_layers(
    const Config& config, int64_t channels, int64_t height, int64_t width, int64_t classes) {
  const ExecutionScope execution(config.train);  // of its threads and rates
  const std::vector<ModelLayer> layers = model_layers(config.model, {channels, height, width}, classes);
  torch::nn::Sequential model = build_model(layers, config.method);
  convert(*model, at::kCPU, select_dtype(config.train.dtype));
  check_lab_settings(config);
  if (config.method.name == "lab")
    LabStep(model, config.method);                          // whether it can be built
  make_whole_step(config, model, config.train.batch_size);  // likewise
  std::vector<LayerPlan> plan = plan_model(model, layers, config.train.batch_size);
  tell_whole_steps(config.method, plan);
  return plan;
}

}  // namespace proxprop::train
