#pragma once
// The table of configuration keys. Flags, environment variables, TOML files and --set all read it, and nothing else
// knows the keys' names.

#include "train/config.h"

#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace proxprop::app {

template <class T>
using Member = T& (*)(train::Config&);

/// A member of Config, by its type.
using AnyMember = std::variant<
    Member<std::string>,
    Member<int64_t>,
    Member<uint64_t>,
    Member<double>,
    Member<bool>,
    Member<std::vector<int64_t>>,
    Member<std::vector<double>>,
    Member<std::vector<std::string>>>;

using Value = std::variant<
    std::string,
    int64_t,
    uint64_t,
    double,
    bool,
    std::vector<int64_t>,
    std::vector<double>,
    std::vector<std::string>>;

struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_excluded = false;
  bool high_excluded = false;
};

struct Key {
  std::string section;  ///< "train"
  std::string name;     ///< "batch_size"
  AnyMember member;
  std::string doc;
  std::vector<std::string> choices = {};  ///< of a string; empty: any
  Bounds bounds = {};                     ///< of a number, or of every element of a list of numbers

  std::string path() const;         ///< "train.batch_size"
  std::string flag() const;         ///< "--batch-size"; the key `name` of a section has the section's name: "--data"
  std::string environment() const;  ///< "PROXPROP_TRAIN_BATCH_SIZE"
  const char* type_name() const;    ///< for help: "TEXT", "N", "X", ...
};

/// A value that a key does not take; the message says what it takes.
class BadValue : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// All keys, in the order of train/config.h.
const std::vector<Key>& config_keys();
const std::vector<std::string>& config_sections();

/// nullptr when there is none.
const Key* find_key(std::string_view path);

/// " (did you mean train.epochs?)" for an unknown path, with or without its section; or an empty string.
std::string suggest_key(std::string_view path);

/// Reads a value as it stands after a flag, in --set and in the environment; lists are "512,256" or TOML's "[512,
/// 256]". Throws BadValue.
Value value_from_text(const Key& key, std::string_view text);

/// Throws BadValue when the value is not one of the choices or out of bounds.
void check_value(const Key& key, const Value& value);

/// `value` must have the type of the key.
void assign(const Key& key, train::Config& config, const Value& value);

/// The current value as text that value_from_text reads.
std::string value_text(const Key& key, const train::Config& config);

}  // namespace proxprop::app
