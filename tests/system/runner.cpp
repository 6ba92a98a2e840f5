// Scores of patches by an exported detector, with TensorFlow's C++ library and nothing of this project.
//
//     runner SAVED_MODEL PATCHES    PATCHES: raw uint8, 256 x 256 a patch; prints a score a line
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/public/session.h"

namespace tf = tensorflow;

constexpr int kSide = 256;

int Fail(const std::string& what) {
  std::fprintf(stderr, "runner: %s\n", what.c_str());
  return 2;
}

int main(int argc, char** argv) {
  if (argc != 3) return Fail("expected SAVED_MODEL PATCHES");
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.empty() || bytes.size() % (kSide * kSide) != 0) return Fail("expected whole patches of 256 x 256 bytes");

  tf::SavedModelBundleLite model;
  const auto loaded = tf::LoadSavedModel(tf::SessionOptions(), tf::RunOptions(), argv[1], {"serve"}, &model);
  if (!loaded.ok()) return Fail(loaded.ToString());
  const auto& signature = model.GetSignatures().at("serving_default");

  const auto patches = static_cast<tf::int64>(bytes.size() / (kSide * kSide));
  tf::Tensor input(tf::DT_UINT8, tf::TensorShape({patches, kSide, kSide}));
  std::memcpy(input.data(), bytes.data(), bytes.size());

  std::vector<tf::Tensor> scores;
  const auto ran = model.GetSession()->Run({{signature.inputs().at("patches").name(), input}},
                                           {signature.outputs().at("scores").name()}, {}, &scores);
  if (!ran.ok()) return Fail(ran.ToString());
  for (tf::int64 patch = 0; patch < patches; ++patch) std::printf("%.9g\n", scores[0].flat<float>()(patch));
  return 0;
}
