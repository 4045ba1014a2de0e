#pragma once
// The resolved configuration of one run. One name for one thing: the member names here are the TOML keys, the JSON keys
// of run.json and (with '-' for '_') the flags. Parsing lives in app/; this header has no behaviour.

#include <cstdint>
#include <string>
#include <vector>

namespace proxprop::train {

/// [data]
struct DataConfig {
  std::string name = "mnist-5k";  ///< mnist-5k | mnist | fashion-mnist | cifar10 | cifar100 | synthetic
  std::string dir;                ///< folder that holds the files; empty: $PROXPROP_DATA, then the embedded data set
  int64_t train_size = 0;         ///< first N training records are used for training; 0: all but the validation ones
  int64_t validation_size = -1;   ///< last N training records validate; -1: the data set's default (CIFAR-10: 5,000)
  /// none: pixels in [0, 1] | center: less the training records' mean of the channel | standardize: also divided by
  /// their standard deviation of it. See train/data/normalization.h.
  std::string normalization = "none";
};

/// [model]
struct ModelConfig {
  std::string name = "mlp";         ///< mlp | convnet: the paper's two; or `layers` says it
  std::vector<int64_t> hidden;      ///< widths of the hidden layers of `mlp`; empty: the paper's 4000, 1000, 4000
  std::string activation = "relu";  ///< relu | leaky_relu | sigmoid | tanh
  /// A model as a list of layers, e.g. {"conv 16 5 padding=2", "relu", "max_pool 2", "flatten", "linear 100", "relu"};
  /// the explicit output layer is appended. Empty: `name` decides.
  std::vector<std::string> layers;
};

/// [method]
struct MethodConfig {
  /// backprop | exact | cg | amortized | running_gram | released-exact | released-cg | lab, and the relatives below:
  /// foof | isaac | kfac | locoprop_s, and those that take whole steps (train/whole_step.h): hessian_free | sfo | mac |
  /// admm
  std::string name = "exact";
  double tau_theta = 0.05;  ///< proximal step size of eq. 11
  int64_t cg_iterations = 3;
  double cg_tolerance = 0.0;      ///< relative residual at which CG stops early; 0: never
  int64_t update_every = 20;      ///< amortized, running_gram: steps from one factor or inverse to the next
  double gram_decay = 0.95;       ///< running_gram: weight of the average so far when a batch's Gram is added
  std::string coupling = "auto";  ///< per_output | joint | auto (per_output for linear layers, joint for convolutions)
  std::string scaling = "sum";    ///< sum (paper) | mean
  // lab: the paper's algorithms as they are written, with a step rule for each block of variables of eq. 3
  // (lab/step_rules.h) and the learning rate as the step size tau. The default is Algorithm 2.
  std::string step_z = "explicit";     ///< explicit | implicit | bregman
  std::string step_a = "explicit";     ///< explicit | implicit
  std::string step_last = "explicit";  ///< explicit | implicit | moreau
  std::string step_theta = "exact";    ///< explicit | exact | cg
  // Penalties of eq. 3 in units of 1 / tau, one per hidden layer, or one for all.
  std::vector<double> penalty_rho = {1.0};
  std::vector<double> penalty_gamma = {1.0};
  // Relatives of the proximal step, each with the names of its own paper and, in front, its own (docs/relatives.md).
  // foof: Benzing, Gradient Descent on Neurons and its Link to Approximate Second-Order Optimization, ICML 2022.
  double foof_lambda = 0.1;  ///< damping of the mean Gram
  double foof_m = 0.95;      ///< weight of the average so far when a batch's Gram is added
  int64_t foof_s = 10;       ///< S: so many steps before each inversion add their Gram to the average
  int64_t foof_t = 100;      ///< T: steps from one inversion to the next
  // isaac: Petersen, Sutter, Borgelt, Huh, Kuehne, Sun, Deussen, ISAAC Newton, ICLR 2023.
  double isaac_lambda = 0.1;  ///< damping of the mean Gram
  // kfac: Martens and Grosse, Optimizing Neural Networks with Kronecker-factored Approximate Curvature, ICML 2015;
  // convolutions: Grosse and Martens, A Kronecker-factored Approximate Fisher Matrix for Convolution Layers, ICML 2016.
  double kfac_lambda = 0.03;            ///< Tikhonov damping; gamma of the two factors is its square root
  double kfac_epsilon = 0.95;           ///< largest weight of the average so far when a batch's factors are added
  int64_t kfac_t_cov = 1;               ///< steps from one update of the factors to the next
  int64_t kfac_t_inv = 20;              ///< steps from one inversion of the factors to the next (T_3)
  std::string kfac_fisher = "sampled";  ///< sampled: labels drawn from the model's distribution | empirical: the data's
  // locoprop_s: Amid, Anil, Warmuth, LocoProp: Enhancing BackProp via Local Loss Optimization, AISTATS 2022.
  int64_t locoprop_t = 10;      ///< T: local iterations
  double locoprop_gamma = 1.0;  ///< gamma: activation learning rate, which sets the targets
  double locoprop_eta = 1.0;    ///< eta: weight 1 / (2 eta) of the regularizer |W - W_0|^2
  double locoprop_lr = 0.01;    ///< learning rate of the first local iteration, which falls to a quarter
  // hessian_free: Martens (ICML 2010), Martens and Sutskever (2012); see lab/batch/hessian_free.h.
  int64_t hf_gradient_batch = 0;   ///< records behind a step's gradient and losses; 0: all training records
  int64_t hf_curvature_batch = 0;  ///< those of them behind the Gauss-Newton products; 0: all of them
  double hf_lambda = 1.0;          ///< damping of the first step
  double hf_zeta = 0.95;           ///< decay of the last solution, from which CG starts
  int64_t hf_cg_iterations = 250;  ///< at most so many
  double hf_epsilon = 5e-4;        ///< relative progress per iteration at which CG stops
  double hf_alpha = 0;             ///< exponent of the preconditioner (the papers': 0.75); 0: none
  // sfo: Sohl-Dickstein, Poole and Ganguli (ICML 2014); see lab/batch/sum_of_functions.h.
  int64_t sfo_max_history_terms = 10;   ///< secant pairs kept for each function (batch)
  double sfo_max_gradient_noise = 1.0;  ///< standard error over the norm of the mean gradient that lets one more in
  double sfo_hessian_init = 1e6;        ///< Hessian of the first functions, times the identity
  int64_t sfo_init_subf = 2;            ///< functions that are active in the beginning
  // mac: Carreira-Perpinan and Wang (AISTATS 2014); see lab/batch/auxiliary_coordinates.h.
  double mac_mu = 1.0;             ///< penalty of the first iteration
  double mac_growth = 1.1;         ///< factor on mu from one iteration to the next; 1: it stays
  int64_t mac_steps = 1;           ///< Gauss-Newton steps of each half iteration
  int64_t mac_cg_iterations = 10;  ///< conjugate gradient iterations of each of them
  // admm: Taylor et al. (ICML 2016); see lab/batch/admm.h.
  double admm_beta = 1.0;                   ///< penalty of |z - W a|^2
  double admm_gamma = 10.0;                 ///< penalty of |a - h(z)|^2
  int64_t admm_warm_up = 10;                ///< iterations before the multiplier is updated
  std::string admm_loss = "cross_entropy";  ///< cross_entropy | hinge (the paper's) | squared
  std::string admm_start = "forward";       ///< a and z at first: those of the network | random (the paper's)
};

/// [optimizer]; names and formulas are torch.optim's
struct OptimizerConfig {
  /// sgd | momentum | nesterov | adam | adamw | rmsprop | lbfgs | adagrad | muon | entropy_sgd
  std::string name = "nesterov";
  double lr = 1.0;         ///< tau of the paper
  double momentum = 0.95;  ///< momentum, nesterov, rmsprop, muon
  double weight_decay = 0.0;
  double beta1 = 0.9;  ///< adam, adamw, muon (for what Adam takes there)
  double beta2 = 0.999;
  double eps = 1e-8;    ///< adam, adamw, rmsprop, adagrad, muon (for what Adam takes there)
  double alpha = 0.99;  ///< rmsprop
  // lbfgs: Liu and Nocedal, Mathematical Programming 1989; see lab/batch/lbfgs.h. Names are torch.optim.LBFGS's.
  int64_t lbfgs_history_size = 20;  ///< pairs of changes of position and gradient that are kept
  int64_t lbfgs_max_iter = 20;      ///< iterations of a step, each with a line search
  // muon: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024.
  int64_t muon_ns_steps = 5;   ///< Newton-Schulz iterations
  double muon_adam_lr = 3e-4;  ///< learning rate of Adam for biases, input and output layer
  // entropy_sgd: Chaudhari et al., Entropy-SGD: Biasing Gradient Descent into Wide Valleys, ICLR 2017.
  int64_t entropy_l = 20;        ///< L: Langevin iterations (one batch each) to one step of the parameters
  double entropy_eta = 0.1;      ///< eta': step size of the Langevin iterations
  double entropy_gamma0 = 0.01;  ///< scope gamma = gamma_0 (1 + gamma_1)^t at the t-th step of the parameters
  double entropy_gamma1 = 0.0;
  double entropy_alpha = 0.75;  ///< weight of the newest Langevin iterate in their average
  double entropy_eps = 1e-4;    ///< thermal noise
};

/// [schedule]: factor on the learning rate
struct ScheduleConfig {
  std::string name = "constant";  ///< constant | step | cosine | inverse
  int64_t warmup_epochs = 0;      ///< linear warm-up, then the schedule
  int64_t step_epochs = 30;       ///< step: multiply by gamma every step_epochs
  double gamma = 0.1;             ///< step
  double decay = 0.0;             ///< inverse: 1 / (1 + decay * step)
};

/// [train]
struct TrainConfig {
  int64_t epochs = 10;
  /// Records per step; where a method's step is over more of them (train/whole_step.h), records per forward and
  /// backward pass.
  int64_t batch_size = 500;
  int64_t max_steps = 0;          ///< stop after so many steps; 0: no limit
  uint64_t seed = 0;              ///< initialisation, shuffling, everything
  std::string device = "cpu";     ///< cpu | cuda | cuda:N
  std::string dtype = "float32";  ///< float32 | float64
  int64_t threads = 0;            ///< 0: LibTorch's default
  bool deterministic = false;
  bool calibrate = false;   ///< plan by rates measured on this machine (train/calibration.h), not by fixed weights
  double save_every = 1.0;  ///< epochs between checkpoints; 0: only at the end and on a signal
  int64_t keep = 2;         ///< newest checkpoints kept, at least 1; the one of the best epoch is kept besides
  std::string on_nonfinite = "stop";  ///< stop | skip | reduce: what becomes of a step whose loss is NaN or infinite
  int64_t check_residuals = 0;        ///< exact, cg: the true residual of each layer, every so many steps; 0: never
  int64_t record_energies = 0;        ///< lab: E of eq. 3 around each block update, every so many steps; 0: never
};

struct Config {
  DataConfig data;
  ModelConfig model;
  MethodConfig method;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  TrainConfig train;
};

}  // namespace proxprop::train
