// apps: a run that is saved and resumed has the bits of one that never stopped.
#include <omp.h>

#include <nlohmann/json.hpp>

#include "apps/support/checkpoint.h"
#include "apps/support/loss_meter.h"
#include "apps/support/sampling.h"
#include "apps/support/training_data.h"
#include "tensor/graph.h"
#include "tensor/ops.h"
#include "tests/test_apps_support.h"

using namespace ink;
using namespace ink::apps;
using namespace ink::test;

namespace fs = std::filesystem;

namespace {

Settings tiny_settings() {
  return new_settings(train_options({"--batch", "7", "--data", "x"}), "tiny");
}

Settings with_warmup(Index steps) {
  Settings settings = tiny_settings();
  settings.warmup = steps;
  return settings;
}

// A run of 20 steps on the tiny images, in memory; its step is that of train_mnist.
struct TinyRun {
  explicit TinyRun(const UNetConfig& config = two_level_config(), const std::string& data = "tiny",
                   Device device = Device::cpu)
      : batches(images, device),
        state(tiny_settings(), config, data, images.count(), device),
        meter(device),
        step(device, [this] { one_step(); }) {
    state.plan = RunPlan::in_steps(20, state.settings);
  }

  void one_step() {
    state.model.parameters.zero_gradients();
    const Tensor x0 = batches.next(state.order, state.settings.batch);
    const NoisedBatch batch = add_noise(schedule, x0, state.noise);
    const Variable loss = weighted_loss(schedule, state.settings.weight_limit, eps_theta, batch);
    meter.add(batch);
    loss.backward();
    meter.close_step(state.optimizer.step(state.plan.rate(), state.ema));
  }

  void train(Index steps) {
    for (Index i = 0; i < steps; ++i, ++state.step) {
      step();
      meter.request();
      state.keep_guide(state.plan.share(state.step, {}));
    }
    while (meter.pending() > 0) {
      const LossMeter::Reading reading = meter.take();
      state.history.add_step(reading.loss, reading.times, reading.image_losses, schedule.T);
    }
  }

  ImageSet images = tiny_images();
  TrainingImages batches;
  Schedule schedule = Schedule::linear();
  TrainingState state;
  LossMeter meter;
  Network eps_theta =
      meter.watch([this](const Tensor& x_t, const Tensor& t) { return state.model.unet(x_t, t); });
  Repeated step;
};

// Every tensor and text of two files is the same, bit for bit.
void check_same(const fs::path& a, const fs::path& b) {
  const NamedTensors left = read_safetensors(a), right = read_safetensors(b);
  CHECK(left.metadata == right.metadata);
  REQUIRE(left.tensors.size() == right.tensors.size());
  for (std::size_t i = 0; i < left.tensors.size(); ++i) {
    CHECK(left.tensors[i].first == right.tensors[i].first);
    CHECK_MESSAGE(equal(left.tensors[i].second, right.tensors[i].second), left.tensors[i].first);
  }
}

// Sets the number of threads, and sets it back.
class Threads {
 public:
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

// Makes root/checkpoint, saves a short run there.
fs::path saved_run(const TemporaryDirectory& folder) {
  const fs::path root = folder / "run";
  fs::create_directories(root / "checkpoint");
  TinyRun run;
  run.train(2);
  run.state.save(root / "checkpoint");
  return root;
}

}  // namespace

TEST_SUITE("apps training") {
  TEST_CASE("stop and resume gives the files of the run that never stopped") {
    const TemporaryDirectory folder;
    for (const char* const name : {"whole", "half", "both"}) {
      fs::create_directories(folder / name / "checkpoint");
    }
    TinyRun whole;
    whole.state.plan = RunPlan::in_steps(20, with_warmup(1));
    whole.train(13);
    whole.state.save(folder / "whole" / "checkpoint");
    {
      TinyRun half;
      half.state.plan = RunPlan::in_steps(20, with_warmup(1));
      half.train(6);
      half.state.frames.push_back({6, 1.5, "step_6.png", "DDIM"});
      half.state.save(folder / "half" / "checkpoint");
    }
    TinyRun both;
    both.state.restore(read_saved_run(folder / "half"));
    CHECK(both.state.step == 6);
    REQUIRE(both.state.frames.size() == 1);
    CHECK(both.state.frames[0].file == "step_6.png");
    both.state.frames.clear();
    both.train(7);
    both.state.save(folder / "both" / "checkpoint");
    for (const std::string& file : {std::string(kTrainingFile), std::string(kModelFile),
                                    std::string("guide/") + kModelFile}) {
      check_same(folder / "whole" / "checkpoint" / file, folder / "both" / "checkpoint" / file);
      CHECK(slurp(folder / "whole" / "checkpoint" / file) ==
            slurp(folder / "both" / "checkpoint" / file));
    }
  }

  TEST_CASE("the guide is the average after a quarter of the run") {
    const TemporaryDirectory folder;
    TinyRun young;
    young.train(20);
    CHECK(!young.state.guide.defined());  // a warm-up of ten steps: not before fifty

    TinyRun run;
    run.state.plan = RunPlan::in_steps(20, with_warmup(1));
    run.train(5);
    CHECK(!run.state.guide.defined());
    run.state.save(folder.path());
    CHECK(load_guide(folder.path(), Device::cpu) == nullptr);
    run.train(1);
    const Tensor then = run.state.ema.average().clone();
    run.train(3);
    CHECK(equal(run.state.guide, then));
    run.state.save(folder.path());
    const auto guide = load_guide(folder.path(), Device::cpu);
    CHECK(equal(guide->parameters.values(), then));
    CHECK(!equal(load_model(folder.path(), Device::cpu)->parameters.values(), then));

    // The trained network with the guide's values is the guide, and gets its own back.
    const Tensor own = run.state.model.parameters.values().clone();
    const Tensor x = Random(4).normal({2, 8, 8, 1}), t = Tensor::full({2}, 500);
    CHECK(equal(eps_of(run.state.model, run.state.guide)(x, t), eps_of(guide->unet)(x, t)));
    CHECK(equal(run.state.model.parameters.values(), own));
  }

  TEST_CASE("on a GPU a resumed run has the same bits, with graphs or without") {
    if constexpr (kCuda) {
      UNetConfig config = two_level_config();
      config.block_channels = {4, 8};
      const TemporaryDirectory folder;
      // Five steps: two as they are, three as a graph. Or three and two, or none as a graph.
      const auto save = [&](TinyRun& run, const char* name) {
        fs::create_directories(folder / name / "checkpoint");
        run.state.save(folder / name / "checkpoint");
      };
      const auto fresh = [&] { return TinyRun(config, "tiny", Device::cuda); };
      TinyRun whole = fresh();
      whole.train(5);
      CHECK(whole.step.is_recorded());
      save(whole, "whole");
      TinyRun half = fresh();
      half.train(3);
      save(half, "half");
      TinyRun both = fresh();
      both.state.restore(read_saved_run(folder / "half"));
      both.train(2);
      save(both, "both");
      use_graphs(false);
      TinyRun plain = fresh();
      plain.train(5);
      use_graphs(true);
      save(plain, "plain");
      for (const char* const other : {"both", "plain"}) {
        check_same(folder / "whole" / "checkpoint" / kTrainingFile,
                   folder / other / "checkpoint" / kTrainingFile);
      }
    }
  }

  TEST_CASE("one, two and three threads train the same bits") {
    std::vector<Tensor> values, averages;
    for (const int count : {1, 2, 3}) {
      const Threads threads(count);
      TinyRun run;
      run.train(4);
      values.push_back(run.state.model.parameters.values());
      averages.push_back(run.state.ema.average());
    }
    for (std::size_t i = 1; i < values.size(); ++i) {
      CHECK(equal(values[0], values[i]));
      CHECK(equal(averages[0], averages[i]));
    }
  }

  TEST_CASE(
      "the model's file holds the average, under diffusers' names, and is loaded from both "
      "folders") {
    const TemporaryDirectory folder;
    const fs::path root = saved_run(folder);
    TinyRun run;
    run.train(2);
    for (const fs::path& path : {root, root / "checkpoint"}) {
      const auto model = load_model(path, Device::cpu);
      CHECK(model->unet.config() == two_level_config());
      CHECK(equal(model->parameters.values(), run.state.ema.average()));
    }
    const NamedTensors file = read_safetensors(root / "checkpoint" / kModelFile);
    CHECK(file.at("conv_in.weight").shape() == Shape{8, 1, 3, 3});
    CHECK(file.find("mid_block.attentions.0.to_out.0.weight") != nullptr);
  }

  // ---- damage --------------------------------------------------------------------------------

  TEST_CASE("a damaged checkpoint is noticed and named") {
    const TemporaryDirectory folder;
    const fs::path root = saved_run(folder);
    for (const char* const name : {kTrainingFile, kModelFile}) {
      const fs::path path = root / "checkpoint" / name;
      const auto load = [&] {
        return error_of([&] {
          if (name == kTrainingFile) {
            read_saved_run(root);
          } else {
            load_model(root, Device::cpu);
          }
        });
      };
      const std::string bytes = slurp(path);
      std::string altered = bytes;
      altered[bytes.size() - 1000] = static_cast<char>(altered[bytes.size() - 1000] ^ 4);
      spill(path, altered);
      check_parts(load(), {"[checkpoint]", name, "is damaged"});
      spill(path, bytes.substr(0, bytes.size() / 2));
      check_parts(load(), {name, "cut short"});
      spill(path, "");
      check_parts(load(), {name});
      spill(path, "this is no checkpoint, whatever its name says");
      check_parts(load(), {name});
      fs::remove(path);
      check_parts(load(), {name});
      spill(path, bytes);
      CHECK(load().empty());
    }
    spill(root / "checkpoint" / kConfigFile, "{\"_class_name\": 3");
    check_parts(error_of([&] { load_model(root, Device::cpu); }), {"[config]", kConfigFile});
    fs::remove(root / "checkpoint" / kConfigFile);
    check_parts(error_of([&] { load_model(root, Device::cpu); }), {"holds no checkpoint"});
    check_parts(error_of([&] { load_model("", Device::cpu); }), {"there is no run"});
  }

  TEST_CASE("files of the other kind are refused") {
    const TemporaryDirectory folder;
    const fs::path root = saved_run(folder);
    fs::copy_file(root / "checkpoint" / kModelFile, root / "checkpoint" / kTrainingFile,
                  fs::copy_options::overwrite_existing);
    check_parts(error_of([&] { read_saved_run(root); }), {"not written by train_mnist"});
    check_parts(error_of([&] { read_saved_run(folder.path()); }), {"[--resume]", "holds no run"});
  }

  TEST_CASE("a file of another number type is refused for resuming") {
    const TemporaryDirectory folder;
    const fs::path root = saved_run(folder);
    NamedTensors file = read_safetensors(root / "checkpoint" / kTrainingFile);
    file.metadata["real"] = "quad";
    write_checked(root / "checkpoint" / kTrainingFile, file);
    check_parts(error_of([&] { read_saved_run(root); }), {"Real = quad"});
  }

  TEST_CASE("texts that are missing or malformed are named") {
    const TemporaryDirectory folder;
    const fs::path root = saved_run(folder);
    const NamedTensors good = read_safetensors(root / "checkpoint" / kTrainingFile);
    const auto error_with = [&](const char* key, const char* text) {
      NamedTensors file = good;
      if (text == nullptr) {
        file.metadata.erase(key);
      } else {
        file.metadata[key] = text;
      }
      write_checked(root / "checkpoint" / kTrainingFile, file);
      return error_of([&] { TinyRun().state.restore(read_saved_run(root)); });
    };
    for (const char* const key : {"settings", "plan", "counters", "data", "config"}) {
      check_parts(error_with(key, nullptr), {"[checkpoint]", key});
    }
    check_parts(error_with("counters", "{}"), {"counters"});
    check_parts(error_with("counters", "[]"), {"counters"});
    check_parts(error_with("config", "{}"), {"[config]"});
  }

  TEST_CASE("a run is resumed with its own network and its own data only") {
    const TemporaryDirectory folder;
    const SavedRun saved = read_saved_run(saved_run(folder));
    UNetConfig wider = two_level_config();
    wider.block_channels = {8, 32};
    check_parts(error_of([&] { TinyRun(wider).state.restore(saved); }), {"[--resume]", "network"});
    check_parts(error_of([&] { TinyRun(two_level_config(), "others").state.restore(saved); }),
                {"[--resume]", "other images", "tiny", "others"});
    SavedRun without = saved;
    without.file.tensors.erase(without.file.tensors.begin());
    check_parts(error_of([&] { TinyRun().state.restore(without); }), {"model.conv_in.weight"});
  }

  TEST_CASE("a checkpoint whose weights are those of another configuration is refused") {
    const TemporaryDirectory folder;
    const fs::path root = saved_run(folder);
    UNetConfig wider = two_level_config();
    wider.block_channels = {8, 32};
    spill(root / "checkpoint" / kConfigFile, wider.to_json());
    check_parts(error_of([&] { load_model(root, Device::cpu); }),
                {"[checkpoint]", "down_blocks.1", kModelFile});
  }

  TEST_CASE("images are told apart by their fingerprint") {
    const ImageSet images = tiny_images();
    CHECK(fingerprint(images) == fingerprint(tiny_images()));
    std::vector<std::uint8_t> pixels(40 * 64, 9);
    CHECK(fingerprint(ImageSet({40, 8, 8, 1}, pixels)) != fingerprint(images));
    pixels[77] = 10;
    CHECK(fingerprint(ImageSet({40, 8, 8, 1}, pixels)) !=
          fingerprint(ImageSet({40, 8, 8, 1}, std::vector<std::uint8_t>(40 * 64, 9))));
  }
}
