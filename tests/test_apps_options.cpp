// apps: command lines, and the settings that follow from them.
#include "apps/support/program.h"
#include "apps/support/settings.h"
#include "tests/test_apps_support.h"

using namespace ink;
using namespace ink::apps;
using namespace ink::test;

namespace {

std::string train_error(std::vector<const char*> words) {
  return error_of([&] { train_options(words); });
}

std::string sample_error(std::vector<const char*> words) {
  return error_of([&] { sample_options(words); });
}

}  // namespace

TEST_SUITE("apps options") {
  TEST_CASE("without words everything is left open") {
    const TrainOptions options = train_options({});
    CHECK(options.machine.device == "auto");
    CHECK(!options.preset);
    CHECK(!options.steps);
    CHECK(!options.out);
    CHECK(!options.resume);
    const SampleOptions sample = sample_options({});
    CHECK(sample.count == 64);
    CHECK(sample.sampler.kind == Sampler::Kind::ddpm);
    CHECK(sample.sampler.clamp);
  }

  TEST_CASE("words are read") {
    const TrainOptions options = train_options({"--preset", "base", "--epochs", "1.5", "--batch",
                                                "32", "--lr=3e-4", "--seed", "18446744073709551615",
                                                "--images", "x", "--channels", "3", "--resume"});
    CHECK(options.preset == "base");
    CHECK(options.epochs == 1.5);
    CHECK(options.batch == 32);
    CHECK(options.lr == 3e-4);
    CHECK(options.seed == 18446744073709551615u);
    CHECK(options.channels == 3);
    CHECK(options.resume);
  }

  TEST_CASE("absurd training options are refused in one line") {
    check_parts(train_error({"--steps", "0"}), {"[--steps]", "from 1 to", "got 0"});
    check_parts(train_error({"--steps", "-3"}), {"[--steps]", "got -3"});
    check_parts(train_error({"--steps", "1.5"}), {"--steps"});
    check_parts(train_error({"--steps", "99999999999999999999"}), {"--steps"});
    check_parts(train_error({"--minutes", "0"}), {"[--minutes]", "above 0"});
    check_parts(train_error({"--minutes", "nan"}), {"[--minutes]", "got nan"});
    check_parts(train_error({"--epochs", "inf"}), {"[--epochs]", "got inf"});
    check_parts(train_error({"--batch", "0"}), {"[--batch]", "got 0"});
    check_parts(train_error({"--batch", "100000000"}), {"[--batch]", "from 1 to 65536"});
    check_parts(train_error({"--accumulate", "0"}), {"[--accumulate]"});
    check_parts(train_error({"--lr", "-1"}), {"[--lr]", "got -1"});
    check_parts(train_error({"--lr", "nan"}), {"[--lr]", "got nan"});
    check_parts(train_error({"--lr", "fast"}), {"--lr", "fast"});
    check_parts(train_error({"--ema", "1"}), {"[--ema]", "below 1"});
    check_parts(train_error({"--weight-limit", "0.5"}), {"[--weight-limit]", "at least 1", "0.5"});
    check_parts(train_error({"--beta2", "-0.1"}), {"[--beta2]"});
    check_parts(train_error({"--clip", "-1"}), {"[--clip]"});
    check_parts(train_error({"--weight-decay", "inf"}), {"[--weight-decay]"});
    check_parts(train_error({"--threads", "100000"}), {"[--threads]", "from 1 to 1024"});
    check_parts(train_error({"--threads", "0"}), {"[--threads]"});
    check_parts(train_error({"--seed", "-1"}), {"[--seed]", "got -1"});
    check_parts(train_error({"--seed", "1e3"}), {"[--seed]", "got 1e3"});
    check_parts(train_error({"--channels", "2", "--images", "x"}), {"[--channels]", "got 2"});
    check_parts(train_error({"--save-every", "-1"}), {"[--save-every]"});
    check_parts(train_error({"--out", ""}), {"--out"});
    check_parts(train_error({"--preset", "huge"}), {"--preset", "huge"});
    check_parts(train_error({"--device", "tpu"}), {"--device", "tpu"});
    check_parts(train_error({"--speps", "3"}), {"--speps", "--help"});
    check_parts(train_error({"mnist"}), {"mnist"});
  }

  TEST_CASE("options that contradict each other are refused") {
    check_parts(train_error({"--steps", "5", "--epochs", "5"}), {"--steps", "--epochs"});
    check_parts(train_error({"--steps", "5", "--minutes", "5"}), {"--steps", "--minutes"});
    check_parts(train_error({"--minutes", "5", "--epochs", "5"}), {"--minutes", "--epochs"});
    check_parts(train_error({"--data", "a", "--images", "b"}), {"--data", "--images"});
    check_parts(train_error({"--channels", "3"}), {"--channels", "--images"});
    check_parts(train_error({"--image-size", "32"}), {"--image-size", "--images"});
  }

  TEST_CASE("absurd sampling options are refused in one line") {
    check_parts(sample_error({"--count", "0"}), {"[--count]", "got 0"});
    check_parts(sample_error({"--count", "10000000"}), {"[--count]"});
    check_parts(sample_error({"--sampler", "euler"}), {"--sampler", "euler"});
    check_parts(sample_error({"--steps", "0"}), {"[--steps]", "1 to 1000"});
    check_parts(sample_error({"--steps", "1001", "--sampler", "ddim"}), {"[--steps]"});
    check_parts(sample_error({"--steps", "50", "--sampler", "ddpm"}), {"[--steps]", "--eta 1"});
    check_parts(sample_error({"--eta", "2"}), {"[--eta]", "got 2"});
    check_parts(sample_error({"--eta", "nan"}), {"[--eta]"});
    check_parts(sample_error({"--eta", "0.5", "--sampler", "ddpm"}), {"[--eta]"});
    check_parts(sample_error({"--variance", "beta", "--steps", "50"}), {"[--variance]"});
    check_parts(sample_error({"--variance", "sigma"}), {"--variance", "sigma"});
    check_parts(sample_error({"--threads", "-1"}), {"[--threads]"});
    check_parts(sample_error({"--guidance", "-1"}), {"[--guidance]"});
  }

  TEST_CASE("a number of steps or an eta asks for DDIM") {
    CHECK(sample_options({"--steps", "20"}).sampler.kind == Sampler::Kind::ddim);
    CHECK(sample_options({"--eta", "1"}).sampler.steps == 50);
    CHECK(sample_options({"--steps", "1000", "--sampler", "ddpm"}).sampler.kind ==
          Sampler::Kind::ddpm);
    CHECK(!sample_options({"--no-clamp"}).sampler.clamp);
    CHECK(sample_options({"--guidance", "3"}).guidance == 3.0);
    CHECK(!sample_options({}).guidance);
    CHECK(sample_options({"--variance", "beta_tilde"}).sampler.variance == Variance::beta_tilde);
  }

  TEST_CASE("a new run takes the preset's settings, and what was typed") {
    const Settings settings = new_settings(train_options({"--lr", "0.5"}), "small");
    const Preset& preset = find_preset("small");
    CHECK(settings.preset == "small");
    CHECK(settings.lr == 0.5);
    CHECK(settings.batch == preset.batch);
    CHECK(settings.ema == preset.ema);
    CHECK(new_settings(train_options({"--preset", "base"}), "small").preset == "base");
  }

  TEST_CASE("settings survive the way through text") {
    const TrainOptions options = train_options(
        {"--lr", "0.1", "--seed", "18446744073709551615", "--data", "some \"folder\" ü"});
    const Settings settings = new_settings(options, "tiny");
    CHECK(Settings::from_json(settings.to_json()) == settings);
    check_parts(error_of([] { Settings::from_json("{}"); }), {"[checkpoint]", "settings"});
    check_parts(error_of([] { Settings::from_json("no"); }), {"[checkpoint]", "settings"});
  }

  TEST_CASE("a resumed run keeps its settings") {
    const Settings saved = new_settings(train_options({"--data", "here"}), "tiny");
    CHECK(resumed_settings(saved, train_options({"--resume"})) == saved);
    CHECK(resumed_settings(saved, train_options({"--batch", "16"})) == saved);
    CHECK(resumed_settings(saved, train_options({"--data", "there"})).data == "there");
    const auto refusal = [&](std::vector<const char*> words) {
      return error_of([&] { resumed_settings(saved, train_options(words)); });
    };
    check_parts(refusal({"--batch", "17"}), {"[--batch]", "began with 16, not 17"});
    check_parts(refusal({"--preset", "base"}), {"[--preset]", "tiny", "base"});
    check_parts(refusal({"--seed", "5"}), {"[--seed]"});
    check_parts(refusal({"--images", "x"}), {"[--images]", "here"});
  }

  TEST_CASE("a command line can be typed again") {
    const char* const words[] = {"build/train_mnist", "--out", "it's here", "--lr=1e-3", ""};
    const Command command(5, words);
    CHECK(command.text == "build/train_mnist --out 'it'\\''s here' --lr=1e-3 ''");
    CHECK(command.program == "build/train_mnist");
    CHECK(command.sibling("sample") == "build/sample");
    CHECK(Command(1, words + 3).sibling("sample") == "sample");
  }

  TEST_CASE("programs end with 1 after an error and with 2 after bad usage") {
    CHECK(run_program("p", [] { return 7; }) == 7);
    CHECK(run_program("p", []() -> int { fail("op", "wrong\nand long"); }) == 1);
    CHECK(run_program("p", []() -> int { throw UsageError("[--x] no"); }) == 2);
    CHECK(run_program("p", []() -> int { throw std::bad_alloc(); }) == 1);
    CHECK(run_program("p", []() -> int { throw std::runtime_error("no"); }) == 1);
  }
}
