// Stands in for libFuzzer: gives each file of the folders named on the command line to the target, once. Fails where a
// file is not what its name says, if the target knows.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" __attribute__((weak)) bool fuzz_input_is_what_it_is_named(const char* name, const uint8_t* data,
                                                                     size_t size);

int main(int count, char** names) {
  unsigned inputs = 0, misnamed = 0;
  for (int at = 1; at < count; ++at) {
    for (const auto& entry : std::filesystem::directory_iterator(names[at])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
      const std::vector<uint8_t> bytes(text.begin(), text.end());
      const std::string name = entry.path().filename();
      if (fuzz_input_is_what_it_is_named != nullptr &&
          !fuzz_input_is_what_it_is_named(name.c_str(), bytes.data(), bytes.size())) {
        std::printf("%s: does not reach what its name begins with\n", entry.path().c_str());
        ++misnamed;
      }
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      ++inputs;
    }
  }
  std::printf("%u inputs\n", inputs);
  return inputs == 0 || misnamed != 0;
}
