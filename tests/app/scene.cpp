#include "scene.h"

#include <chrono>
#include <fstream>
#include <thread>

#include <unistd.h>

namespace proxprop::test {

namespace fs = std::filesystem;

Scene::Scene() {
  std::string pattern = (fs::temp_directory_path() / "proxprop test-XXXXXX").string();  // a blank, on purpose
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("mkdtemp failed");
  folder = pattern;
}

Scene::~Scene() {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

Outcome Scene::run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables) {
  return Process(folder, arguments, variables).wait();
}

std::vector<std::string> Scene::small(std::vector<std::string> arguments) const {
  for (const char* flag :
       {"--train-size=400", "--hidden=24", "--batch-size=100", "--threads=1", "--save-every=0.5", "--seed=3"}) {
    arguments.emplace_back(flag);
  }
  return arguments;
}

void Scene::write(const std::string& name, const std::string& text) const {
  fs::create_directories((folder / name).parent_path());
  std::ofstream(folder / name, std::ios::binary) << text;
}

void expect_error(const Outcome& outcome, int code, const std::string& part) {
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_TRUE(outcome.err.starts_with("proxprop: error: ")) << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "more than one line: " << outcome.err;
  EXPECT_NE(outcome.err.find(part), std::string::npos) << "'" << part << "' is not in: " << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

bool wait_for_checkpoint(Process& process, const fs::path& run_folder) {
  while (process.running()) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(run_folder / "checkpoints", error)) {
      const std::string name = entry.path().filename().string();
      if (!error && !name.starts_with("."))
        return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

std::string weights(const fs::path& run_folder) {
  return read_file(run_folder / "checkpoints" / "model.safetensors");
}

}  // namespace proxprop::test
